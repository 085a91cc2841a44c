import type { LoggedMessage } from '../../contracts/runs/message.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { JsonObject } from '../../json/json.ts';
import { buildMessages } from '../messages/build-messages.ts';
import { SUMMARY_OPENING } from '../messages/message-groups.ts';
import type { HeldRun } from '../owned-run/held-run.ts';

/** Something that was said, or asked of a tool. */
export type Said = { by: string; text: string };

/** All that whoever is given the run will read, earlier turns as well; calls that are about to be made have no results. */
export function handoffTranscript({ definition, state }: HeldRun): Said[] {
  return buildMessages(definition, state).flatMap((message) => {
    if (message.role === 'system' || isUnanswered(message, state.messages)) return [];
    const calls = message.tool_calls ?? [];
    return [
      ...textsOf(message).map((text) => ({ by: message.role, text })),
      ...calls.map((call) => ({ by: `call of ${call.name}`, text: plain(call.arguments) })),
    ];
  });
}

/** What stands for the conversation from here on: the same in words, as filters left it. */
export function withTranscript(
  of: readonly Said[],
  guard: StepRecord,
  { definition, state }: HeldRun,
): StepRecord {
  const told = of.map(({ by, text }) => (by === '' ? text : `${by}: ${text}`)).join('\n\n');
  const seqs = buildMessages(definition, state).map(
    ({ seq, covers_to_seq }) => seq ?? covers_to_seq ?? 0,
  );
  const message = {
    role: 'user',
    content: told.startsWith(SUMMARY_OPENING) ? told : SUMMARY_OPENING + told,
    covers_from_seq: 0,
    covers_to_seq: Math.max(...seqs),
  } as const;
  return { ...guard, trust: state.trust, messages: [message] };
}

/** The text that says there is no result stands for one that may come yet. */
function isUnanswered(
  { role, tool_call_id }: LoggedMessage,
  logged: readonly LoggedMessage[],
): boolean {
  return role === 'tool' && !logged.some((one) => one.tool_call_id === tool_call_id);
}

/** Of a file its id: what is in it stays where it is. */
function textsOf({ content, parts }: LoggedMessage): string[] {
  const others = (parts ?? []).map(({ type, text, resource_id }: JsonObject) => {
    if (type === 'text') return String(text);
    return `[${String(type).replace(/^input_|_url$/g, '')}${resource_id ? ` ${resource_id}` : ''}]`;
  });
  return [content ?? '', ...others.filter((text) => text !== content)].filter(
    (text) => text !== '',
  );
}

/** Arguments without the escapes in which something could hide. */
function plain(args: string): string {
  try {
    return JSON.stringify(JSON.parse(args));
  } catch {
    return args;
  }
}
