import type { NewMessage, StepRecord, Transition } from '../../contracts/runs/step.ts';
import { isJsonObject } from '../../json/json.ts';
import { storableJson, storableText } from '../../json/storable-json.ts';

/**
 * Version of the calls between worker and database. A release that changes the calls increments it.
 */
export const PROTOCOL = 1;

/** The commit of one run: the steps after the step `after`, and optionally a change of status. */
export type Commit = {
  id: string;
  fence: number;
  after: number;
  steps: StepRecord[];
  to?: Transition | undefined;
  /** True if the commit also concerns other rows: a parent, a question, a child or a wake-up. */
  more?: boolean;
};

/** A parameter: the text of an array or a document; null when no element has a value. */
type Column = string | null;

/**
 * Returns the call of `commit_steps` for these commits: one array per column, in the order of the
 * function's parameters. Runs are sorted by id, because the database locks them in that order.
 */
export function commitQuery(
  worker: string,
  commits: readonly Commit[],
  columns = '*',
): { text: string; values: unknown[] } {
  const values = Object.values(commitParameters(worker, commits));
  const places = values.map((_, index) => `$${index + 1}`).join(', ');
  return { text: `select ${columns} from howdah_private.commit_steps(${places})`, values };
}

/**
 * Returns the parameters of `commit_steps` by name, in the order of the function. A test compares
 * the names with the function. They are passed by position, which is shorter to parse.
 */
export function commitParameters(
  worker: string,
  commits: readonly Commit[],
): Record<string, Column | number> {
  const runs = commits.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const rows = rowsOf(runs);
  return {
    worker,
    protocol: PROTOCOL,
    ...runColumns(runs),
    ...stepColumns(rows),
    ...messageColumns(rows),
  };
}

/** The steps and messages of all commits. */
type Rows = {
  steps: StepRecord[];
  /**
   * The run of each step, as an index from 1, and the position of the step among those of its run.
   */
  stepRuns: number[];
  stepPositions: number[];
  messages: NewMessage[];
  /**
   * The step of each message, as an index from 1, and the position of the message among those of
   * its run.
   */
  messageSteps: number[];
  messagePositions: number[];
};

function rowsOf(runs: readonly Commit[]): Rows {
  const rows: Rows = {
    steps: [],
    stepRuns: [],
    stepPositions: [],
    messages: [],
    messageSteps: [],
    messagePositions: [],
  };
  for (const [index, run] of runs.entries()) {
    const before = { steps: rows.steps.length, messages: rows.messages.length };
    for (const step of run.steps) {
      rows.steps.push(step);
      rows.stepRuns.push(index + 1);
      rows.stepPositions.push(rows.steps.length - before.steps);
      for (const message of step.messages ?? []) {
        rows.messages.push(message);
        rows.messageSteps.push(rows.steps.length);
        rows.messagePositions.push(rows.messages.length - before.messages);
      }
    }
  }
  return rows;
}

function runColumns(runs: readonly Commit[]): Record<string, Column> {
  const withEffects = runs.filter(({ more, to }) => more || (to && 'delay_ms' in to));
  return {
    ids: unquotedArray(runs, ({ id }) => id),
    fences: unquotedArray(runs, ({ fence }) => fence),
    log_ends: unquotedArray(runs, ({ after }) => after),
    step_counts: unquotedArray(runs, ({ steps }) => steps.length),
    message_counts: unquotedArray(runs, ({ steps }) =>
      steps.reduce((sum, step) => sum + (step.messages?.length ?? 0), 0),
    ),
    moves: runs.some(({ to }) => to) ? storableJson(runs.map(({ to }) => to ?? null)) : null,
    effects: withEffects.length > 0 ? storableJson(withEffects.map(effectsOf)) : null,
  };
}

/** Returns the part of a commit that concerns other rows. */
function effectsOf({ id, fence, after, to, steps }: Commit) {
  return {
    id,
    fence,
    after,
    to,
    steps: steps.map(({ kind, model_id, tokens_in, tokens_out, output, question, child }) => {
      const usage = model_id && isJsonObject(output) ? output.usage : undefined;
      return { kind, model_id, tokens_in, tokens_out, usage, question, child };
    }),
  };
}

function stepColumns({ steps, stepRuns, stepPositions }: Rows): Record<string, Column> {
  return {
    step_runs: unquotedArray(stepRuns, identity),
    step_positions: unquotedArray(stepPositions, identity),
    kinds: unquotedArray(steps, ({ kind }) => kind),
    names: textArray(steps, ({ name }) => name),
    call_ids: textArray(steps, ({ call_id }) => call_id),
    tool_effects: unquotedArray(steps, ({ effect }) => effect),
    idempotency_keys: textArray(steps, ({ idempotency_key }) => idempotency_key),
    inputs: jsonArray(steps, ({ input }) => input),
    outputs: jsonArray(steps, ({ output }) => output),
    errors: jsonArray(steps, ({ error }) => error),
    model_ids: unquotedArray(steps, ({ model_id }) => model_id),
    tokens_in: unquotedArray(steps, ({ tokens_in }) => tokens_in ?? 0),
    tokens_out: unquotedArray(steps, ({ tokens_out }) => tokens_out ?? 0),
    trusts: unquotedArray(steps, ({ trust }) => trust),
    started_at: unquotedArray(steps, ({ started_at }) => started_at),
    annotations: jsonArray(steps, ({ annotations }) => annotations),
  };
}

function messageColumns({
  steps,
  messages,
  messageSteps,
  messagePositions,
}: Rows): Record<string, Column> {
  const stepOf = (index: number) => steps[(messageSteps[index] ?? 0) - 1];
  return {
    message_steps: unquotedArray(messageSteps, identity),
    message_positions: unquotedArray(messagePositions, identity),
    roles: unquotedArray(messages, ({ role }) => role),
    contents: textArray(messages, (message, index) =>
      repeatsOutput(message, stepOf(index)) ? null : message.content,
    ),
    parts: jsonArray(messages, ({ parts }) => parts),
    tool_calls: jsonArray(messages, ({ tool_calls }) => tool_calls),
    tool_call_ids: textArray(messages, ({ tool_call_id }) => tool_call_id),
    parent_seqs: unquotedArray(messages, ({ parent_seq }) => parent_seq),
    covers_from_seqs: unquotedArray(messages, ({ covers_from_seq }) => covers_from_seq),
    covers_to_seqs: unquotedArray(messages, ({ covers_to_seq }) => covers_to_seq),
  };
}

/**
 * Returns whether the text of a message is the output of its step. The text is then left out, and
 * the database takes the output for it.
 */
function repeatsOutput({ role, content, parts }: NewMessage, step: StepRecord | undefined) {
  return role === 'tool' && step?.kind === 'tool' && content === step.output && !parts;
}

/**
 * Returns an array of values that need no quotes in the text of an array: numbers, ids, names of
 * enums, times.
 */
function unquotedArray<Row>(
  rows: readonly Row[],
  read: (row: Row) => string | number | null | undefined,
): Column {
  return arrayOf(rows, (row) => read(row) ?? undefined);
}

function textArray<Row>(
  rows: readonly Row[],
  read: (row: Row, index: number) => string | null | undefined,
): Column {
  return arrayOf(rows, (row, index) => {
    const text = read(row, index);
    return typeof text === 'string' ? quote(storableText(text)) : undefined;
  });
}

/** Returns an array of JSON. A JSON null is no value, as for every column of JSON. */
function jsonArray<Row>(rows: readonly Row[], read: (row: Row) => unknown): Column {
  return arrayOf(rows, (row) => {
    const value = read(row);
    if (value === undefined || value === null) return undefined; // most values of most columns
    const text = storableJson(value);
    // The text of JSON has no control characters, so arrays and strings of JSON quote it alike.
    return text === 'null' ? undefined : JSON.stringify(text);
  });
}

function arrayOf<Row>(
  rows: readonly Row[],
  elementOf: (row: Row, index: number) => string | number | undefined,
): Column {
  let isEmpty = true;
  const elements = rows.map((row, index) => {
    const element = elementOf(row, index);
    isEmpty &&= element === undefined;
    return element ?? 'NULL';
  });
  return isEmpty ? null : `{${elements.join()}}`;
}

function quote(text: string): string {
  return `"${/["\\]/.test(text) ? text.replaceAll(/["\\]/g, '\\$&') : text}"`;
}

function identity(value: number): number {
  return value;
}
