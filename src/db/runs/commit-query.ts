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
  const runs = commits.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const parameters = [worker, PROTOCOL, ...runColumns(runs), ...stepColumns(rowsOf(runs))];
  const places = parameters.map((_, index) => `$${index + 1}`).join(', ');
  return {
    text: `select ${columns} from howdah_private.commit_steps(${places})`,
    values: parameters,
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

function runColumns(runs: readonly Commit[]): Column[] {
  const withEffects = runs.filter(({ more, to }) => more || (to && 'delay_ms' in to));
  return [
    unquotedArray(runs, ({ id }) => id),
    unquotedArray(runs, ({ fence }) => fence),
    unquotedArray(runs, ({ after }) => after),
    unquotedArray(runs, ({ steps }) => steps.length),
    unquotedArray(runs, ({ steps }) =>
      steps.reduce((sum, step) => sum + (step.messages?.length ?? 0), 0),
    ),
    runs.some(({ to }) => to) ? storableJson(runs.map(({ to }) => to ?? null)) : null,
    withEffects.length > 0 ? storableJson(withEffects.map(effectsOf)) : null,
  ];
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

function stepColumns(rows: Rows): Column[] {
  const { steps, messages } = rows;
  return [
    unquotedArray(rows.stepRuns, identity),
    unquotedArray(rows.stepPositions, identity),
    unquotedArray(steps, ({ kind }) => kind),
    textArray(steps, ({ name }) => name),
    textArray(steps, ({ call_id }) => call_id),
    unquotedArray(steps, ({ effect }) => effect),
    textArray(steps, ({ idempotency_key }) => idempotency_key),
    jsonArray(steps, ({ input }) => input),
    jsonArray(steps, ({ output }) => output),
    jsonArray(steps, ({ error }) => error),
    unquotedArray(steps, ({ model_id }) => model_id),
    unquotedArray(steps, ({ tokens_in }) => tokens_in ?? 0),
    unquotedArray(steps, ({ tokens_out }) => tokens_out ?? 0),
    unquotedArray(steps, ({ trust }) => trust),
    unquotedArray(steps, ({ started_at }) => started_at),
    jsonArray(steps, ({ annotations }) => annotations),
    unquotedArray(rows.messageSteps, identity),
    unquotedArray(rows.messagePositions, identity),
    unquotedArray(messages, ({ role }) => role),
    textArray(messages, ({ content }) => content),
    jsonArray(messages, ({ parts }) => parts),
    jsonArray(messages, ({ tool_calls }) => tool_calls),
    textArray(messages, ({ tool_call_id }) => tool_call_id),
    unquotedArray(messages, ({ parent_seq }) => parent_seq),
    unquotedArray(messages, ({ covers_from_seq }) => covers_from_seq),
    unquotedArray(messages, ({ covers_to_seq }) => covers_to_seq),
  ];
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
  read: (row: Row) => string | null | undefined,
): Column {
  return arrayOf(rows, (row) => {
    const text = read(row);
    return typeof text === 'string' ? quote(storableText(text)) : undefined;
  });
}

/** Returns an array of JSON. A JSON null is no value, as for every column of JSON. */
function jsonArray<Row>(rows: readonly Row[], read: (row: Row) => unknown): Column {
  return arrayOf(rows, (row) => {
    const text = storableJson(read(row) ?? null);
    // The text of JSON has no control characters, so arrays and strings of JSON quote it alike.
    return text === 'null' ? undefined : JSON.stringify(text);
  });
}

function arrayOf<Row>(
  rows: readonly Row[],
  elementOf: (row: Row) => string | number | undefined,
): Column {
  let isEmpty = true;
  const elements = rows.map((row) => {
    const element = elementOf(row);
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
