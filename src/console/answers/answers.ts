import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import type { AnswerEvent } from '../server/operations.generated.ts';

/** A part of an answer, in the order in which the run made it. */
export type Part =
  | { kind: 'text'; key: string; content: string }
  | { kind: 'call'; key: string; call: Call }
  | { kind: 'question'; key: string; id: string; prompt: string }
  | { kind: 'note'; key: string; name: string; value: Json }
  | { kind: 'error'; key: string; error: JsonObject };

/** A call of a tool, of a sub-agent or of a member of a workflow. */
export type Call = {
  id: string | undefined;
  tool: string;
  arguments: Json;
  /** The run that the call started. */
  childId: string | undefined;
  /** Undefined while the call is in progress. */
  result: { output: Json } | { error: Json } | undefined;
  progress: string | undefined;
};

/** The text that a model is writing. Its step replaces it. */
type Draft = { seq: number; attempt: number; text: string };

/** The answer of a run so far. */
export type Answer = {
  parts: readonly Part[];
  draft: Draft | undefined;
  /** The last event with a place in the run: its step, and its number in the step. */
  last: readonly [seq: number, n: number];
  hasEnded: boolean;
};

/** The answers of runs, by the id of the run. */
export type Answers = ReadonlyMap<string, Answer>;

export const NO_ANSWER: Answer = { parts: [], draft: undefined, last: [0, 0], hasEnded: false };

/**
 * Returns the answers after an event. A stream that starts again sends events that were applied
 * before: each has a place in its run, and is applied once.
 */
export function applyEvent(answers: Answers, event: AnswerEvent): Answers {
  const { executionId } = event;
  if (executionId === null) return answers;
  const last = answers.get(executionId) ?? NO_ANSWER;
  const next = answerAfter(last, event);
  return next === last ? answers : new Map(answers).set(executionId, next);
}

function answerAfter(answer: Answer, event: AnswerEvent): Answer {
  const data = isJsonObject(event.data) ? event.data : {};
  if (event.event === 'token') return addToken(answer, data);
  if (event.event === 'progress') return addProgress(answer, data);
  const place = placeOf(event.cursor);
  if (!place || !isAfter(place, answer.last)) return answer;
  const key = place.join('.');
  const isWritten = answer.draft !== undefined && answer.draft.seq <= place[0];
  const next: Answer = {
    ...answer,
    last: place,
    draft: isWritten ? undefined : answer.draft,
    hasEnded: event.event === 'complete',
  };
  return { ...next, parts: partsAfter(answer.parts, event.event, { key, data }) };
}

/** Reads the end of a cursor: `seq.n`, or `turn.seq.n` in a session. */
function placeOf(cursor: string | null): [number, number] | undefined {
  const [, seq, n] = /(\d+)(?:-\d+)?\.(\d+)$/.exec(cursor ?? '') ?? [];
  return seq === undefined || n === undefined ? undefined : [Number(seq), Number(n)];
}

function isAfter([seq, n]: Answer['last'], [lastSeq, lastN]: Answer['last']): boolean {
  return seq > lastSeq || (seq === lastSeq && n > lastN);
}

/**
 * Adds a piece of an answer. A piece says where it begins. If pieces before it were missed, it is
 * left out: the step has the whole text.
 */
function addToken(answer: Answer, data: JsonObject): Answer {
  const [seq, attempt] = [Number(data.seq), Number(data.attempt)];
  if (seq <= answer.last[0]) return answer;
  const isSame = answer.draft?.seq === seq && answer.draft.attempt === attempt;
  const before = isSame ? (answer.draft?.text ?? '') : '';
  const offset = Number(data.offset ?? before.length);
  if (offset > before.length) return answer;
  const text = before.slice(0, offset) + String(data.content ?? '');
  return { ...answer, hasEnded: false, draft: { seq, attempt, text } };
}

function addProgress(answer: Answer, { call_id, message, percent }: JsonObject): Answer {
  const percentage = typeof percent === 'number' ? `${Math.round(percent)} %` : '';
  const progress = [message, percentage].filter((one) => one).join(' ');
  return { ...answer, parts: changeCall(answer.parts, call_id, { progress }) };
}

type EventData = { key: string; data: JsonObject };

function partsAfter(
  parts: readonly Part[],
  event: string,
  { key, data }: EventData,
): readonly Part[] {
  switch (event) {
    case 'thought':
      if (!data.content) return parts;
      return [...parts, { kind: 'text', key, content: String(data.content) }];
    case 'action':
      if (data.handoff !== undefined) return [...parts, note(key, 'handoff', data.handoff)];
      return [...parts, { kind: 'call', key, call: callOf(data) }];
    case 'started':
      return changeCall(parts, data.call_id, { childId: String(data.child_execution_id) });
    case 'ask_user':
      return [...parts, questionOf(key, data)];
    case 'observation':
      return observe(parts, { key, data });
    case 'error':
      return isJsonObject(data.error ?? null)
        ? [...parts, { kind: 'error', key, error: data.error as JsonObject }]
        : parts;
    default:
      return parts;
  }
}

function callOf(data: JsonObject): Call {
  const { call_id, tool, child_execution_id: child } = data;
  return {
    id: typeof call_id === 'string' ? call_id : undefined,
    tool: String(tool ?? ''),
    arguments: data.arguments ?? null,
    childId: typeof child === 'string' ? child : undefined,
    result: undefined,
    progress: undefined,
  };
}

function questionOf(key: string, { question_id, prompt, question }: JsonObject): Part {
  const id = String(question_id ?? '');
  return { kind: 'question', key, id, prompt: String(prompt ?? question ?? '') };
}

/** The result of a call belongs to the call. Anything else is a line of its own. */
function observe(parts: readonly Part[], { key, data }: EventData): readonly Part[] {
  const { kind, call_id: id, output = null, error } = data;
  const isResult = kind === 'tool' || kind === 'child';
  const isCalled = parts.some((one) => one.kind === 'call' && one.call.id === id);
  if (isResult && isCalled) {
    const result = error === undefined ? { output } : { error };
    return changeCall(parts, id, { result, progress: undefined });
  }
  return [...parts, note(key, String(kind), data.content ?? error ?? output)];
}

function note(key: string, name: string, value: Json): Part {
  return { kind: 'note', key, name, value };
}

/** Changes the last call with an id. */
function changeCall(
  parts: readonly Part[],
  id: Json | undefined,
  change: Partial<Call>,
): readonly Part[] {
  const at = parts.findLastIndex((one) => one.kind === 'call' && one.call.id === id);
  const found = parts[at];
  if (found?.kind !== 'call') return parts;
  return parts.with(at, { ...found, call: { ...found.call, ...change } });
}
