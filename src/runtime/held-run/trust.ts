import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ModelAnswer } from '../../contracts/agents/model.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { RunState } from '../../contracts/runs/action.ts';
import type { LoggedMessage } from '../../contracts/runs/message.ts';
import type { LoggedStep, StepRecord } from '../../contracts/runs/step.ts';
import { isTrust, lowestTrust, type Trust } from '../../contracts/runs/trust.ts';
import { isJsonObject } from '../../json/json.ts';

/**
 * Built-in tools of this process that return no text from outside: they compute with the input from
 * the run.
 */
const COMPUTING: ReadonlySet<string> = new Set(['calculator', 'run_code']);

/**
 * Returns the trust level of a result. Some tools know the level themselves (those of the database,
 * a record). Otherwise `configuration.result_trust` gives it, or the result is not trusted at all.
 * An error may quote what was read, so it is trusted no further.
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

/**
 * Returns whether only a vendor writes such a part that has read something for the answer, such as
 * the web. A citation without an address is of a document of the conversation.
 */
function isReadByVendor({ type, url }: { type?: unknown; url?: unknown }): boolean {
  if (type === 'citation') return url !== undefined;
  return type === 'provider_tool_call' || type === 'provider_tool_result';
}

/**
 * Returns the trust level of an answer, as a column of its step. A model that searched the web at
 * its vendor has read what is external, like a run that calls `http_request`.
 */
export function trustOfAnswer({ parts }: ModelAnswer): Pick<StepRecord, 'trust'> {
  return parts?.some(isReadByVendor) ? { trust: 'external' } : {};
}

/**
 * Returns the trust level of a run after these steps, as the database lowers it with them
 * (commit_steps).
 */
export function trustAfter(trust: Trust, records: readonly StepRecord[]): Trust {
  return lowestTrust(trust, ...records.map(readBy));
}

function readBy({ kind, trust }: StepRecord): Trust | undefined {
  return kind === 'tool' ? (trust ?? 'external') : trust;
}

/** Returns the trust level of a run after entries from outside (drain_inbox). */
export function trustAfterInbox(
  trust: Trust,
  { steps, messages }: { steps: readonly LoggedStep[]; messages: readonly LoggedMessage[] },
): Trust {
  return lowestTrust(
    trust,
    ...steps.map(trustOfChildResult),
    ...messages.map((message) => message.trust),
  );
}

/**
 * Returns the trust level of a child's end. An end without a level was written without knowledge of
 * it.
 */
export function trustOfChildResult({
  kind,
  output,
}: Pick<LoggedStep, 'kind' | 'output'>): Trust | undefined {
  if (kind !== 'child') {
    return undefined;
  }
  const level = isJsonObject(output) ? output.trust : undefined;
  return isTrust(level) ? level : 'internal'; // that it could not start is our own text
}

/** The reason for the low trust level of a run, in words and as data. */
export type TrustReason = { text: string; tool: string | null; message_seq: number | null };

/**
 * Returns the reason for the trust level of a run: the first message with this level. Without one,
 * the run started with the level, by a run above it, an earlier turn or its input.
 */
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
  if (first?.parts?.some(isReadByVendor)) {
    const text = `The model has read what its vendor searched (message ${first.seq}), which is ${trust}.`;
    return { text, tool: null, message_seq: first.seq ?? null };
  }
  if (first) {
    const text = `What the run was told (message ${first.seq}) is ${trust}.`;
    return { text, tool: null, message_seq: first.seq ?? null };
  }
  const from = history.length > 0 ? 'an earlier turn' : 'another run';
  return { text: `What the run has read of ${from} is ${trust}.`, tool: null, message_seq: null };
}
