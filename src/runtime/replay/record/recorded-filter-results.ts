import type { ExportedStep } from '../../../contracts/runs/exported-run.ts';
import type { NewQuestion, StepKind } from '../../../contracts/runs/step.ts';
import type { FilteredValue } from '../../../db/access/output-filters.ts';
import type { FilterTarget } from '../../../db/runs/apply-output-filters.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../json/json.ts';
import { BLOCKED_GUARD, FILTERED_GUARD } from '../../held-run/filter-result.ts';
import type { RunRecording } from './run-recording.ts';

/**
 * Kinds of steps that contain the arguments with which a call was made, or the question about a
 * call.
 */
const MADE: readonly StepKind[] = ['tool', 'question', 'child_started', 'handoff'];

/**
 * Returns what the filters left of an answer or a call, which is what was recorded. The guard step
 * after it contains what the filters found.
 */
export function recordedFilterResult(
  record: RunRecording,
  position: number,
  value: Json,
  callId: string | undefined,
  outlet?: FilterTarget,
): FilteredValue {
  const { run, steps } = record;
  const behind = steps.slice(position);
  if (!callId) {
    return { value, ...foundBy(behind.slice(1, 2).filter(({ call_id }) => call_id === null)) };
  }
  const own = behind.filter(({ call_id }) => call_id === callId);
  const [made, ...after] = own.slice(own.findIndex(({ kind }) => MADE.includes(kind)));
  const end = after.findIndex(({ kind }) => kind !== 'guard');
  const guards = end < 0 ? after : after.slice(0, end);
  const ofPlace = guards.filter((one) => isOfQuestion(one) === (outlet === 'question'));
  const found = foundBy(ofPlace);
  const isRedacted = found.hits.length > 0 && made !== undefined;
  if (isRedacted && made.kind === 'handoff') {
    return { value: handoffContent(made, guards, value, record), ...found };
  }
  return { value: isRedacted ? recordedContent(made, run.questions) : value, ...found };
}

function foundBy(guards: readonly ExportedStep[]): Pick<FilteredValue, 'hits' | 'place'> {
  const guard = guards.find(
    ({ kind, name }) => kind === 'guard' && (name === FILTERED_GUARD || name === BLOCKED_GUARD),
  );
  const { hits = [], place = null } = (guard?.output ?? {}) as Partial<FilteredValue>;
  return { hits, place };
}

/**
 * Returns true for a guard step after a question with what the filters found in the question, and
 * not in the arguments of the call.
 */
function isOfQuestion({ output }: ExportedStep): boolean {
  return isJsonObject(output) && output.place === 'question';
}

/**
 * Returns what the next agent of a handoff read: the message after the handoff, when that message
 * replaces the conversation.
 */
function handoffContent(
  { input }: ExportedStep,
  guards: readonly ExportedStep[],
  value: Json,
  record: RunRecording,
): Json {
  const [replacement] = guards.flatMap((guard) => record.messagesOf(guard));
  return replacement
    ? { arguments: input, conversation: [{ by: '', text: replacement.content }] }
    : value;
}

/**
 * Returns the arguments with which a call was made, or the content of the question about the call.
 */
function recordedContent(
  { kind, input }: ExportedStep,
  questions: RunRecording['run']['questions'],
): Json {
  const { question_id } = isJsonObject(input) ? input : {};
  const question = questions.find(({ id }) => id === question_id);
  if (kind !== 'question' || !question) {
    return input;
  }
  const { prompt, options, tool_call, schema } = question as unknown as NewQuestion;
  if (isJsonObject(input) && 'elicitation' in input) {
    return { prompt, options: options ?? null, schema: schema ?? null } as JsonObject;
  }
  const args = (tool_call as JsonObject | undefined)?.arguments ?? null;
  return question.kind === 'approval'
    ? args
    : { prompt, options: options ?? null, arguments: args };
}
