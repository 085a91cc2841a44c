import type { RunError } from '../../contracts/errors.ts';
import type { RunState, StepNote } from '../../contracts/runs/action.ts';
import type { ToolCall } from '../../contracts/runs/message.ts';
import type { DryRun } from '../../contracts/runs/preview.ts';
import type { QuestionKind } from '../../contracts/runs/step.ts';
import { isJsonObject, type Json } from '../../json/json.ts';

/** What a person said to a question about a call, or what counts since the deadline passed (`expired`). */
export type Answer = {
  answer: string;
  data: Json;
  by: string;
  status?: 'answered' | 'expired';
};

/** A call that has no result yet, and what the log says of it. */
export type OpenCall = {
  call: ToolCall;
  /** How many of the same calls stand before it in the same answer. */
  copies: number;
  /** The message that asked for it. */
  asked_seq: number;
  /** It was begun, and nobody has seen its end. */
  isBegun: boolean;
  /** The arguments it was begun with. */
  begunWith: Json | undefined;
  /** A person has been asked and has not answered. */
  question: QuestionKind | undefined;
  answers: Partial<Record<QuestionKind, Answer>>;
  /** What it did when it was tried, with the last question whether it may be made. */
  dryRun: DryRun | undefined;
  /** How often that was asked since the run was last retried by hand. */
  timesAsked: number;
  /** A run below this one is at work on it. */
  isWithChild: boolean;
  /** How that run ended. */
  childEnd: Json | undefined;
  /** Failed attempts since the run was last retried by hand. */
  failures: RunError[];
  /** The next attempt is not made before this moment, in milliseconds of the epoch. */
  notBefore: number;
};

/**
 * Calls of the last answer that have no result yet, in the order they were asked for. Reads each call
 * and each note once, since an answer may have thousands of calls.
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
  fold(open, state.attempts);
  return open;
}

function newCall(call: ToolCall, copies: number, asked_seq: number): OpenCall {
  return {
    call,
    copies,
    asked_seq,
    isBegun: false,
    begunWith: undefined,
    question: undefined,
    answers: {},
    dryRun: undefined,
    timesAsked: 0,
    isWithChild: false,
    childEnd: undefined,
    failures: [],
    notBefore: 0,
  };
}

/** Adds to the calls what the log says of each. */
function fold(calls: readonly OpenCall[], notes: readonly StepNote[]): void {
  const byId = Map.groupBy(calls, ({ call }) => call.id);
  for (const note of notes) {
    const named = byId.get(note.call_id ?? '') ?? [];
    for (const open of named) add(open, note);
    if (note.kind === 'retry' && note.name === RETRIED) {
      for (const open of calls) if (!named.includes(open)) forget(open);
    }
  }
}

/** The name of the step `retry_execution` leaves. */
export const RETRIED = 'retry_execution';

function add(open: OpenCall, note: StepNote): void {
  switch (note.kind) {
    case 'tool_started':
      open.isBegun = true;
      open.begunWith = note.input;
      delete open.answers.effect; // it was about the call before
      break;
    case 'retry':
      open.isBegun = false;
      open.failures.push(note.error as RunError);
      open.notBefore = notBefore(note.output);
      break;
    case 'question':
      questioned(open, note);
      break;
    case 'answer':
      answered(open, note);
      break;
    case 'child_started':
      open.isWithChild = true;
      break;
    case 'child':
      open.isWithChild = false;
      open.childEnd = note.output;
      break;
  }
}

/** Leave that was given for something else is none; what a server asks back is given up for it, and made again with the answer. */
function questioned(open: OpenCall, note: StepNote): void {
  const { name, input } = note;
  open.question = name as QuestionKind;
  open.isBegun &&= !isAskedBack(note);
  if (name === 'approval') {
    delete open.answers.approval;
    open.dryRun = isJsonObject(input) ? (input.dry_run as DryRun | undefined) : undefined;
    open.timesAsked += 1;
  }
}

/** Asked in the middle of a call, by the server that works on it. */
export function isAskedBack({ kind, input }: StepNote): boolean {
  return kind === 'question' && isJsonObject(input) && typeof input.elicitation === 'string';
}

function answered(open: OpenCall, note: StepNote): void {
  const kind = note.name as QuestionKind;
  open.question = undefined;
  open.answers[kind] = note.output as Answer;
  if (kind === 'effect') {
    open.isBegun = false;
  }
}

/** What was asked and who worked on it was withdrawn with the run; that the call was begun is not forgotten. */
function forget(open: OpenCall): void {
  open.question = undefined;
  open.timesAsked = 0;
  open.isWithChild = false;
  open.failures = [];
  open.notBefore = 0;
}

function notBefore(output: Json): number {
  const at = isJsonObject(output) ? Date.parse(String(output.not_before)) : Number.NaN;
  return Number.isNaN(at) ? 0 : at;
}

/** The message of a child's end, and whether it is an answer. */
export function childOutcome(end: Json): { isAnswer: boolean; value: Json; message: string } {
  const told = isJsonObject(end) ? end : {};
  const error = isJsonObject(told.error) ? told.error : {};
  return {
    isAnswer: told.status === 'completed',
    value: told.output_data ?? told.output ?? null,
    message: String(error.message ?? `its run ended as ${told.status}`),
  };
}
