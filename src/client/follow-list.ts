import { HowdahError } from '../contracts/errors.ts';
import { followEvents } from './follow-events.ts';
import type { HttpClient } from './http-client.ts';
import type { Execution, Operations, Question, WatchedRow } from './operations.generated.ts';

type FiltersOf<Id extends 'listExecutions' | 'listQuestions' | 'listWatchedRows'> = Omit<
  NonNullable<Operations[Id]['takes']['query']>,
  'limit' | 'cursor'
>;
type ListStart = {
  /** The number of the newest rows to begin with: 100, at most 1,000. */
  first?: number;
  /** The cursor of an event to continue after. */
  after?: string;
};

/** Filters of a list of runs, and where to begin. */
export type ExecutionsFeedOptions = FiltersOf<'listExecutions'> &
  ListStart & {
    /** The name of an agent. */
    agent?: string;
  };
/** Filters of a list of questions, and where to begin. */
export type QuestionsFeedOptions = FiltersOf<'listQuestions'> &
  ListStart & {
    /** `true` selects the questions of runs of the caller. */
    is_mine?: 'true' | 'false';
  };

/** Filters of a list of watched rows, and where to begin. */
export type WatchedRowsFeedOptions = FiltersOf<'listWatchedRows'> & ListStart;

/**
 * An event of a list: a row as it is now, the id of a row that is not in the list any more, or that
 * nothing is missing. `cursor` is the position after the event. The rows that the list begins with
 * have none.
 */
export type ListEvent<Row> =
  | { type: 'changed'; id: string; row: Row; cursor: string | undefined }
  | { type: 'removed'; id: string; cursor: string | undefined }
  | { type: 'synced'; cursor: string | undefined };

export type ExecutionsFeedEvent = ListEvent<Execution>;
export type QuestionsFeedEvent = ListEvent<Question>;
export type WatchedRowsFeedEvent = ListEvent<WatchedRow>;

/** The path of each list, the name of its rows, and the field with the id of a row. */
const LISTS = {
  executions: { path: '/api/executions/stream', row: 'execution', id: 'execution_id' },
  questions: { path: '/api/questions/stream', row: 'question', id: 'question_id' },
  watchedRows: { path: '/api/watched-rows/stream', row: 'watched_row', id: 'execution_id' },
} as const;

/**
 * Yields the rows of a list, then each change, until the signal fires. After a lost connection,
 * continues after the last event. Throws the error of a list that the caller may not follow.
 */
export async function* followList<Row>(
  ask: HttpClient,
  list: keyof typeof LISTS,
  { after, ...filter }: Readonly<Record<string, unknown>> & { after?: string },
  signal: AbortSignal | undefined,
): AsyncGenerator<ListEvent<Row>, void> {
  const search = new URLSearchParams(
    Object.entries(filter)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]): [string, string] => [name, String(value)]),
  );
  const { row: name, id: idField, path: base } = LISTS[list];
  const path = `${base}?${search}`;
  for await (const { event, id: cursor, data } of followEvents(ask, path, { after, signal })) {
    const id = String(data[idField]);
    if (event === 'error') throw new HowdahError(String(data.code), String(data.message));
    if (event === name) yield { type: 'changed', id, row: data[name] as Row, cursor };
    else if (event === 'removed') yield { type: 'removed', id, cursor };
    else if (event === 'synced') yield { type: 'synced', cursor };
  }
}
