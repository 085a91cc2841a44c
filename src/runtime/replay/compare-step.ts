import type {
  ExportedMessage,
  ExportedRun,
  ExportedStep,
} from '../../contracts/runs/exported-run.ts';
import type { NewMessage, StepRecord } from '../../contracts/runs/step.ts';
import { isSameJson } from '../../json/canonical-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { messageText } from './format-divergence.ts';

/** First field in which a new step differs from the recorded step. */
export type Difference = { field: string; recorded: Json; now: Json };

/**
 * Fields that are new in every run: ids of questions and children, and random delays. The result of
 * a dry run is not determined again.
 */
const ALWAYS_NEW: Partial<Record<string, { input?: string[]; output?: string[] }>> = {
  question: { input: ['question_id', 'dry_run'] },
  child_started: { output: ['execution_id'] },
  retry: { output: ['delay_ms', 'not_before'] },
  handoff: { output: ['agent_id', 'from', 'to'] }, // added by the database
};

/** Returns true when both steps are the same action. Their contents may still differ. */
export function isSameMove(made: StepRecord, recorded: ExportedStep | undefined): boolean {
  return (
    recorded !== undefined &&
    recorded.worker !== null &&
    made.kind === recorded.kind &&
    (made.call_id ?? null) === recorded.call_id
  );
}

/**
 * Returns the first difference between a new step and the recorded step. Returns undefined when the
 * steps are equal.
 */
export function differenceOf(
  made: StepRecord,
  recorded: ExportedStep,
  run: ExportedRun,
): Difference | undefined {
  const recordedMessages = run.messages.filter((message) => message.step_seq === recorded.seq);
  const fields: [string, unknown, unknown][] = [
    ['name', recorded.name, made.name],
    ['input', comparableFields(recorded, 'input'), comparableFields(made, 'input')],
    ['output', comparableFields(recorded, 'output'), comparableFields(made, 'output')],
    ['error', recorded.error, made.error],
    ['effect', recorded.effect, made.effect],
    ['idempotency_key', recorded.idempotency_key, made.idempotency_key],
    ...saidFields(recordedMessages, made.messages ?? []),
    ...questionFields(made, recorded, run),
    ...childFields(made, recorded, run),
  ];
  const different = fields.find(([, one, other]) => !isSameJson(one, other));
  if (!different) {
    return undefined;
  }
  const [field, one, other] = different;
  return { field, recorded: (one ?? null) as Json, now: (other ?? null) as Json };
}

function comparableFields(step: StepRecord | ExportedStep, field: 'input' | 'output'): Json {
  const value = step[field] ?? null;
  const keys = ALWAYS_NEW[step.kind]?.[field];
  return isJsonObject(value) && keys
    ? Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)))
    : value;
}

function saidFields(
  recorded: readonly ExportedMessage[],
  made: readonly NewMessage[],
): [string, unknown, unknown][] {
  const places = Array.from({ length: Math.max(recorded.length, made.length) }, (_, i) => i);
  return places.flatMap((i): [string, unknown, unknown][] => [
    ['message', messageText(recorded[i]), messageText(made[i])],
    ['covered messages', rangeCovered(recorded[i]), rangeCovered(made[i])],
  ]);
}

function rangeCovered(message: NewMessage | ExportedMessage | undefined): Json {
  return [message?.covers_from_seq ?? null, message?.covers_to_seq ?? null];
}

function questionFields(
  { question }: StepRecord,
  recorded: ExportedStep,
  run: ExportedRun,
): [string, unknown, unknown][] {
  const id = isJsonObject(recorded.input) ? recorded.input.question_id : undefined;
  const recordedQuestion = run.questions.find((one) => one.id === id);
  if (!question || !recordedQuestion) {
    return [];
  }
  const made = question as unknown as JsonObject;
  return ['schema', 'options', 'tool_call', 'required_role', 'default_answer', 'escalate_to'].map(
    (field) => [`question's ${field}`, recordedQuestion[field], made[field]],
  );
}

function childFields(
  { child }: StepRecord,
  recorded: ExportedStep,
  run: ExportedRun,
): [string, unknown, unknown][] {
  const id = isJsonObject(recorded.output) ? recorded.output.execution_id : undefined;
  const recordedChild = run.children.find(({ execution }) => execution.id === id);
  return child && recordedChild
    ? [["child's agent", firstAgentOf(recordedChild), child.agent_id]]
    : [];
}

/** Returns the id of the agent that had the run when it started. */
function firstAgentOf({ steps, execution }: ExportedRun): string {
  const output = steps.find(({ kind }) => kind === 'handoff')?.output as Handoff | undefined;
  return output?.from?.agent_id ?? execution.agent_id;
}

type Handoff = { from?: { agent_id?: string } } | null;
