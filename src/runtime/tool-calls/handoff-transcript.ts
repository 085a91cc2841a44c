import type { LoggedMessage } from '../../contracts/runs/message.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { buildMessages } from '../messages/build-messages.ts';
import { SUMMARY_OPENING } from '../messages/message-groups.ts';

/** A message of the conversation, or a call of a tool, as text. */
export type TranscriptEntry = { by: string; text: string };

/**
 * Returns everything that the next agent of the run will read, including earlier turns. Calls that
 * are about to be made have no results.
 */
export function handoffTranscript({ definition, state }: HeldRun): TranscriptEntry[] {
  return buildMessages(definition, state).flatMap((message) => {
    if (message.role === 'system' || isUnanswered(message, state.messages)) return [];
    const calls = message.tool_calls ?? [];
    return [
      ...textsOf(message).map((text) => ({ by: message.role, text })),
      ...calls.map((call) => ({
        by: `call of ${call.name}`,
        text: withoutEscapes(call.arguments),
      })),
    ];
  });
}

/**
 * Adds to a guard step the message that replaces the conversation from here on: the text of the
 * conversation as the filters left it.
 */
export function withTranscript(
  entries: readonly TranscriptEntry[],
  guard: StepRecord,
  { definition, state }: HeldRun,
): StepRecord {
  const transcript = entries
    .map(({ by, text }) => (by === '' ? text : `${by}: ${text}`))
    .join('\n\n');
  const seqs = buildMessages(definition, state).map(
    ({ seq, covers_to_seq }) => seq ?? covers_to_seq ?? 0,
  );
  const message = {
    role: 'user',
    content: transcript.startsWith(SUMMARY_OPENING) ? transcript : SUMMARY_OPENING + transcript,
    covers_from_seq: 0,
    covers_to_seq: Math.max(...seqs),
  } as const;
  return { ...guard, trust: state.trust, messages: [message] };
}

/** Returns true for the placeholder result of a call that has no logged result. */
function isUnanswered(
  { role, tool_call_id }: LoggedMessage,
  logged: readonly LoggedMessage[],
): boolean {
  return role === 'tool' && !logged.some((one) => one.tool_call_id === tool_call_id);
}

/** Returns the texts of a message. A file is represented by its id; its content is left out. */
function textsOf({ content, parts }: LoggedMessage): string[] {
  const others = (parts ?? []).map((part: JsonObject) => {
    const { type, text, resource_id, url, title } = part;
    if (type === 'text_span') return '';
    if (type === 'provider_tool_call' || type === 'provider_tool_result') {
      return JSON.stringify(part.input ?? part.result ?? '');
    }
    if (type === 'text' || type === 'reasoning') return String(text);
    if (type === 'citation') return [url, title].filter(Boolean).join(' ');
    return `[${String(type).replace(/^input_|_url$/g, '')}${resource_id ? ` ${resource_id}` : ''}]`;
  });
  return [content ?? '', ...others.filter((text) => text !== content)].filter(
    (text) => text !== '',
  );
}

/** Returns arguments without escapes, because text could hide in escapes. */
function withoutEscapes(args: string): string {
  try {
    return JSON.stringify(parseJson(args));
  } catch {
    return args;
  }
}
