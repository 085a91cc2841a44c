import type { ExportedStep } from '../../../contracts/runs/exported-run.ts';
import type { NewQuestion, StepKind } from '../../../contracts/runs/step.ts';
import type { Filtered, Outlet } from '../../../db/runs/output-filters.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../json/json.ts';
import { BLOCKED, FILTERED } from '../../owned-run/output-filter.ts';
import type { RunRecording } from './run-recording.ts';

/** The steps that say with what a call was made, or asked about. */
const MADE: readonly StepKind[] = ['tool', 'question', 'child_started', 'handoff'];

/** What filters left of an answer or a call, which is what was recorded: the guard behind it says what they found. */
export function recordedFilterResult(
  record: RunRecording,
  position: number,
  value: Json,
  callId: string | undefined,
  outlet?: Outlet,
): Filtered {
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
    return { value: handedOver(made, guards, value, record), ...found };
  }
  return { value: isRedacted ? recorded(made, run.questions) : value, ...found };
}

function foundBy(guards: readonly ExportedStep[]): Pick<Filtered, 'hits' | 'place'> {
  const guard = guards.find(
    ({ kind, name }) => kind === 'guard' && (name === FILTERED || name === BLOCKED),
  );
  const { hits = [], place = null } = (guard?.output ?? {}) as Partial<Filtered>;
  return { hits, place };
}

/** Behind a question stands what filters found in it, not in the arguments of the call that asked it. */
function isOfQuestion({ output }: ExportedStep): boolean {
  return isJsonObject(output) && output.place === 'question';
}

/** What another agent was told: where the message behind it stands for the conversation, that. */
function handedOver(
  { input }: ExportedStep,
  guards: readonly ExportedStep[],
  value: Json,
  record: RunRecording,
): Json {
  const [told] = guards.flatMap((guard) => record.messagesOf(guard));
  return told ? { arguments: input, conversation: [{ by: '', text: told.content }] } : value;
}

/** With what it was made, or asked about. */
function recorded(
  { kind, input }: ExportedStep,
  questions: RunRecording['run']['questions'],
): Json {
  const { question_id } = isJsonObject(input) ? input : {};
  const asked = questions.find(({ id }) => id === question_id);
  if (kind !== 'question' || !asked) {
    return input;
  }
  const { prompt, options, tool_call, schema } = asked as unknown as NewQuestion;
  if (isJsonObject(input) && 'elicitation' in input) {
    return { prompt, options: options ?? null, schema: schema ?? null } as JsonObject;
  }
  const args = (tool_call as JsonObject | undefined)?.arguments ?? null;
  return asked.kind === 'approval' ? args : { prompt, options: options ?? null, arguments: args };
}
