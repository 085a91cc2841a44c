import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { RunState } from '../../contracts/runs/action.ts';
import type { LoggedMessage } from '../../contracts/runs/message.ts';
import type { LoggedStep, StepRecord } from '../../contracts/runs/step.ts';
import { isTrust, lowestTrust, type Trust } from '../../contracts/runs/trust.ts';
import { isJsonObject } from '../../json/json.ts';

/** Built-in tools of this process that bring nobody else's words: they compute with what the run gave them. */
const COMPUTING: ReadonlySet<string> = new Set(['calculator', 'run_code']);

/**
 * How far a result is trusted: as its tool knows itself (those of the database, a record), as whoever gives the tool says of
 * it (`configuration.result_trust`), else not at all. An error may quote what was read, so it is trusted no further.
 */
export function trustOfResult(tool: ToolDefinition, outcome: ToolOutcome): Trust {
  const { result_trust } = tool.configuration;
  if (outcome.trust) {
    return outcome.trust;
  }
  if (tool.kind === 'builtin') {
    return COMPUTING.has(tool.name) ? 'internal' : 'external';
  }
  return isTrust(result_trust) ? result_trust : 'external';
}

/** The level of a run after these steps, as the database lowers it with them (commit_steps). */
export function trustAfter(trust: Trust, records: readonly StepRecord[]): Trust {
  return lowestTrust(trust, ...records.map(readBy));
}

function readBy({ kind, trust }: StepRecord): Trust | undefined {
  return kind === 'tool' ? (trust ?? 'external') : trust;
}

/** The same for what came from outside (drain_inbox). */
export function trustAfterInbox(
  trust: Trust,
  { steps, messages }: { steps: readonly LoggedStep[]; messages: readonly LoggedMessage[] },
): Trust {
  return lowestTrust(trust, ...steps.map(trustOfEnd), ...messages.map((message) => message.trust));
}

/** Of a child's end; what does not say it was written by somebody who did not know. */
export function trustOfEnd({
  kind,
  output,
}: Pick<LoggedStep, 'kind' | 'output'>): Trust | undefined {
  if (kind !== 'child') {
    return undefined;
  }
  const told = isJsonObject(output) ? output.trust : undefined;
  return isTrust(told) ? told : 'internal'; // that it could not begin is our own word
}

/** What made a run trusted so little, in words and as data. */
export type TrustReason = { text: string; tool: string | null; message_seq: number | null };

/** The first message that says it; without one it began so: by a run above it, an earlier turn, its input. */
export function reasonOfTrust({ messages, trust, history }: RunState): TrustReason {
  const first = messages.find((message) => message.trust === trust);
  if (first?.role === 'tool') {
    const call = messages
      .flatMap(({ tool_calls }) => tool_calls ?? [])
      .find(({ id }) => id === first.tool_call_id);
    const tool = call?.name ?? 'a tool';
    const text = `The run has read what ${tool} gave (message ${first.seq}), which is ${trust}.`;
    return { text, tool: call?.name ?? null, message_seq: first.seq ?? null };
  }
  if (first) {
    const text = `What the run was told (message ${first.seq}) is ${trust}.`;
    return { text, tool: null, message_seq: first.seq ?? null };
  }
  const from = history.length > 0 ? 'an earlier turn' : 'another run';
  return { text: `What the run has read of ${from} is ${trust}.`, tool: null, message_seq: null };
}
