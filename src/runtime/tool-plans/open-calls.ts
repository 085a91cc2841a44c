import type { RunError } from '../../contracts/errors.ts';
import type { RunState, StepSummary } from '../../contracts/runs/action.ts';
import type { ToolCall } from '../../contracts/runs/message.ts';
import type { DryRun } from '../../contracts/runs/preview.ts';
import type { QuestionKind } from '../../contracts/runs/step.ts';
import { isJsonObject, type Json } from '../../json/json.ts';

/**
 * Answer of a person to a question about a call, or the answer that applies once the deadline has
 * passed (`expired`).
 */
export type QuestionAnswer = {
  answer: string;
  data: Json;
  by: string;
  status?: 'answered' | 'expired';
};

/** A call that has no result yet, with the information that the log has about it. */
export type OpenCall = {
  call: ToolCall;
  /** Number of equal calls before this one in the same answer. */
  copies: number;
  /** Sequence number of the message that requested the call. */
  requestSeq: number;
  /** True when the call was started and nobody has seen its end. */
  isStarted: boolean;
  /** Arguments with which the call was started. */
  startArguments: Json | undefined;
  /** Kind of the question that a person has been asked and has not answered. */
  question: QuestionKind | undefined;
  answers: Partial<Record<QuestionKind, QuestionAnswer>>;
  /** Result of the dry run that was shown with the last approval question. */
  dryRun: DryRun | undefined;
  /** Number of approval questions since the run was last retried by hand. */
  approvalQuestions: number;
  /** True while a child run works on the call. */
  isWithChild: boolean;
  /** End of that child run. */
  childEnd: Json | undefined;
  /** Failed attempts since the run was last retried by hand. */
  failures: RunError[];
  /** Time of the next attempt after a failure, in milliseconds since the epoch. */
  retryAt: number | undefined;
};

/**
 * Returns the calls of the last answer that have no result yet, in the order in which they were
 * requested. Reads each call and each step once, since an answer may have thousands of calls.
 */
export function openCalls(state: RunState): OpenCall[] {
  const at = state.messages.findLastIndex((message) => message.role === 'assistant');
  const answer = state.messages[at];
  if (!answer?.tool_calls?.length) return [];
  const done = new Set(state.messages.slice(at + 1).map((message) => message.tool_call_id));
  if (answer.tool_calls.every(({ id }) => done.has(id))) return [];
  const copies = new Map<string, number>();
  const open: OpenCall[] = [];
  for (const call of answer.tool_calls) {
    const text = JSON.stringify([call.name, call.arguments]);
    const before = copies.get(text) ?? 0;
    copies.set(text, before + 1);
    if (!done.has(call.id)) open.push(newCall(call, before, answer.seq ?? at + 1));
  }
  fold(open, state.steps_since_answer);
  return open;
}

function newCall(call: ToolCall, copies: number, requestSeq: number): OpenCall {
  return {
    call,
    copies,
    requestSeq,
    isStarted: false,
    startArguments: undefined,
    question: undefined,
    answers: {},
    dryRun: undefined,
    approvalQuestions: 0,
    isWithChild: false,
    childEnd: undefined,
    failures: [],
    retryAt: undefined,
  };
}

/** Adds what the steps say to the calls. */
function fold(calls: readonly OpenCall[], steps: readonly StepSummary[]): void {
  const byId = Map.groupBy(calls, ({ call }) => call.id);
  for (const step of steps) {
    const named = byId.get(step.call_id ?? '') ?? [];
    for (const open of named) addStep(open, step);
    if (step.kind === 'retry' && step.name === RETRY_STEP_NAME) {
      for (const open of calls) if (!named.includes(open)) clearWithdrawn(open);
    }
  }
}

/** Name of the step that `retry_execution` records. */
export const RETRY_STEP_NAME = 'retry_execution';

function addStep(open: OpenCall, step: StepSummary): void {
  switch (step.kind) {
    case 'tool_started':
      open.isStarted = true;
      open.startArguments = step.input;
      delete open.answers.effect; // that answer was about the previous start of the call
      break;
    case 'retry':
      open.isStarted = false;
      open.failures.push(step.error as RunError);
      open.retryAt = retryTime(step.output);
      break;
    case 'question':
      recordQuestion(open, step);
      break;
    case 'answer':
      recordAnswer(open, step);
      break;
    case 'child_started':
      open.isWithChild = true;
      break;
    case 'child':
      open.isWithChild = false;
      open.childEnd = step.output;
      break;
  }
}

/**
 * Records an open question. An approval that was given for something else no longer counts. A call
 * whose server asks a question is abandoned, and made again with the answer.
 */
function recordQuestion(open: OpenCall, step: StepSummary): void {
  const { name, input } = step;
  open.question = name as QuestionKind;
  open.isStarted &&= !isElicitation(step);
  if (name === 'approval') {
    delete open.answers.approval;
    open.dryRun = isJsonObject(input) ? (input.dry_run as DryRun | undefined) : undefined;
    open.approvalQuestions += 1;
  }
}

/** Returns true for a question that the server of a call asked during the call. */
export function isElicitation({ kind, input }: StepSummary): boolean {
  return kind === 'question' && isJsonObject(input) && typeof input.elicitation === 'string';
}

function recordAnswer(open: OpenCall, step: StepSummary): void {
  const kind = step.name as QuestionKind;
  open.question = undefined;
  open.answers[kind] = step.output as QuestionAnswer;
  if (kind === 'effect') {
    open.isStarted = false;
  }
}

/**
 * Clears the question and the child run, which were withdrawn with the run. Does not clear that the
 * call was started.
 */
function clearWithdrawn(open: OpenCall): void {
  open.question = undefined;
  open.approvalQuestions = 0;
  open.isWithChild = false;
  open.failures = [];
  open.retryAt = undefined;
}

function retryTime(output: Json): number | undefined {
  const time = isJsonObject(output) ? Date.parse(String(output.not_before)) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** Tells the model that called a run if the token limit cut the answer of the run off. */
function withCut(output: Json, finish_reason: Json | undefined): Json {
  const isCut = finish_reason === 'length' && typeof output === 'string';
  return isCut ? `${output}\n\n(The token limit cut this answer off.)` : output;
}

/** Reads the end of a child run: whether it is an answer, its value, and its error message. */
export function childOutcome(end: Json): { isAnswer: boolean; value: Json; message: string } {
  const result = isJsonObject(end) ? end : {};
  const error = isJsonObject(result.error) ? result.error : {};
  return {
    isAnswer: result.status === 'completed',
    value: result.output_data ?? withCut(result.output ?? null, result.finish_reason),
    message: String(error.message ?? `its run ended as ${result.status}`),
  };
}
