import type { ModelAnswer } from '../../../contracts/agents/model.ts';
import type { Usage } from '../../../contracts/agents/usage.ts';
import type { RunState } from '../../../contracts/runs/action.ts';
import type { AnswerPart } from '../../../contracts/runs/message.ts';
import type { StepRecord } from '../../../contracts/runs/step.ts';
import { isSameJson } from '../../../json/canonical-json.ts';
import type { Json, JsonObject } from '../../../json/json.ts';
import { FILTERED_GUARD } from '../../held-run/filter-result.ts';
import type { HeldRun } from '../../held-run/held-run.ts';

/** Returns the tokens of an answer, as columns of its step. */
export function tokensOf({ tokens_in, tokens_out }: Usage): Usage {
  return { tokens_in, tokens_out };
}

/** Returns what the log keeps of an answer besides its tokens, in the output of its step. */
export function answerDetails(answer: ModelAnswer): JsonObject {
  const { finish_reason, cut_calls = [], usage, warnings = [], left_out_tools = [] } = answer;
  const { cached_from } = answer;
  return {
    finish_reason,
    ...(cut_calls.length > 0 ? { cut_calls } : {}),
    ...usageDetails(usage),
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(left_out_tools.length > 0 ? { left_out_tools } : {}),
    ...(cached_from ? { cached_from } : {}),
  };
}

/** The name of the guard for a tool that a request did not contain. */
export const LEFT_OUT_GUARD = 'tool_left_out';

/**
 * Returns the guards for tools that the request did not contain, because the vendor accepts neither
 * them nor a form of them. They stand after the first answer of a run, and after each answer that
 * may be of another model, since an attempt failed before.
 */
export function leftOutGuards(
  { left_out_tools = [] }: ModelAnswer,
  { messages, steps_since_answer: steps }: RunState,
): StepRecord[] {
  const isFirst = !messages.some(({ role }) => role === 'assistant');
  if (!isFirst && !steps.some(({ kind, call_id }) => kind === 'retry' && !call_id)) return [];
  return left_out_tools.map(({ tool, reason }) => {
    const message = `the tool ${tool} is not offered to the model: ${reason}`;
    return { kind: 'guard', name: LEFT_OUT_GUARD, output: { tool, reason, message } };
  });
}

/** Returns what a usage has besides its tokens, as a member of the output of a step. */
export function usageDetails(usage: Usage | undefined): JsonObject {
  const { tokens_in: _in, tokens_out: _out, ...details } = usage ?? {};
  return Object.keys(details).length > 0 ? { usage: details } : {};
}

/** The parts of an answer after the output filters, with the steps that record their hits. */
export type FilteredParts = { parts: JsonObject[]; guardSteps: StepRecord[] };

/**
 * Applies the output filters to reasoning, citations and tools that the vendor ran. A part that a
 * filter changes or blocks is dropped: the signature of reasoning fits its original text alone. The
 * task of a remote agent and the place of a text have no text, and are kept.
 */
export async function filterParts(
  parts: readonly AnswerPart[] = [],
  run: HeldRun,
): Promise<FilteredParts> {
  if (parts.length === 0) return { parts: [], guardSteps: [] };
  const readable = parts.map(readablePart);
  const filtered = await run.applyOutputFilters<Json[]>('output', readable);
  const left = filtered.isBlocked ? [] : filtered.value;
  const isUnchanged = (at: number) => isSameJson(left[at] ?? null, readable[at] ?? null);
  return {
    parts: parts.filter((_, at) => isUnchanged(at)) as unknown as JsonObject[],
    // the answer itself is not blocked by what its reasoning contains
    guardSteps: filtered.guardSteps.map((step) => ({ ...step, name: FILTERED_GUARD })),
  };
}

/** Returns what people read of a part. The rest is opaque: signatures and encrypted reasoning. */
function readablePart(part: AnswerPart): Json {
  if (part.type === 'remote_task' || part.type === 'text_span') return null;
  if (part.type === 'reasoning') return part.text;
  if (part.type === 'provider_tool_call') return part.input;
  if (part.type === 'provider_tool_result') return part.result;
  const { url = '', title = '' } = part;
  return [url, title, JSON.stringify(part.provider_metadata ?? null)];
}
