import type {
  ExportedMessage,
  ExportedRun,
  ExportedStep,
} from '../../contracts/runs/exported-run.ts';
import type { NewMessage, StepRecord } from '../../contracts/runs/step.ts';
import { isSameJson } from '../../json/canonical-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { messageText } from './format-divergence.ts';

/** The first thing in which a step made now differs from the recorded one. */
export type Difference = { field: string; recorded: Json; now: Json };

/**
 * Made anew with every run: ids of questions and children, and how long chance had a run wait. What a call was found to do
 * is not found out again.
 */
const ALWAYS_NEW: Partial<Record<string, { input?: string[]; output?: string[] }>> = {
  question: { input: ['question_id', 'dry_run'] },
  child_started: { output: ['execution_id'] },
  retry: { output: ['delay_ms', 'not_before'] },
  handoff: { output: ['agent_id', 'from', 'to'] }, // the database says it
};

/** Whether both are the same move: they may still differ in what they say. */
export function isSameMove(made: StepRecord, recorded: ExportedStep | undefined): boolean {
  return (
    recorded !== undefined &&
    recorded.worker !== null &&
    made.kind === recorded.kind &&
    (made.call_id ?? null) === recorded.call_id
  );
}

/** Undefined when the step says what the recorded one says. */
export function differenceOf(
  made: StepRecord,
  recorded: ExportedStep,
  run: ExportedRun,
): Difference | undefined {
  const said = run.messages.filter((message) => message.step_seq === recorded.seq);
  const fields: [string, unknown, unknown][] = [
    ['name', recorded.name, made.name],
    ['input', lasting(recorded, 'input'), lasting(made, 'input')],
    ['output', lasting(recorded, 'output'), lasting(made, 'output')],
    ['error', recorded.error, made.error],
    ['effect', recorded.effect, made.effect],
    ['idempotency_key', recorded.idempotency_key, made.idempotency_key],
    ...saidFields(said, made.messages ?? []),
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

function lasting(step: StepRecord | ExportedStep, field: 'input' | 'output'): Json {
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
    ['covered messages', coversOf(recorded[i]), coversOf(made[i])],
  ]);
}

function coversOf(message: NewMessage | ExportedMessage | undefined): Json {
  return [message?.covers_from_seq ?? null, message?.covers_to_seq ?? null];
}

function questionFields(
  { question }: StepRecord,
  recorded: ExportedStep,
  run: ExportedRun,
): [string, unknown, unknown][] {
  const id = isJsonObject(recorded.input) ? recorded.input.question_id : undefined;
  const asked = run.questions.find((one) => one.id === id);
  if (!question || !asked) {
    return [];
  }
  const made = question as unknown as JsonObject;
  return ['schema', 'options', 'tool_call', 'required_role', 'default_answer', 'escalate_to'].map(
    (field) => [`question's ${field}`, asked[field], made[field]],
  );
}

function childFields(
  { child }: StepRecord,
  recorded: ExportedStep,
  run: ExportedRun,
): [string, unknown, unknown][] {
  const id = isJsonObject(recorded.output) ? recorded.output.execution_id : undefined;
  const begun = run.children.find(({ execution }) => execution.id === id);
  return child && begun ? [["child's agent", firstAgentOf(begun), child.agent_id]] : [];
}

/** Whose run it was when it began. */
function firstAgentOf({ steps, execution }: ExportedRun): string {
  const output = steps.find(({ kind }) => kind === 'handoff')?.output as Handoff | undefined;
  return output?.from?.agent_id ?? execution.agent_id;
}

type Handoff = { from?: { agent_id?: string } } | null;
