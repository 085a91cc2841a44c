import type { ReadRequest, Rows } from '../../contracts/bounded-read.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { cancelOnAbort, processIdOf } from '../connection/cancel-statement.ts';
import {
  type Connector,
  inTransaction,
  type PoolClient,
  type Queryable,
  quoteName,
} from '../connection/pool.ts';
import { faultOf, isAnswerTimeout, isConnectionLoss } from '../connection/sqlstate.ts';
import { withoutHiddenNames } from '../query-analysis/mask-hidden-names.ts';
import { placeOf, type ReadQuery, rejectQuery } from '../query-analysis/parse.ts';
import { answeredAfter, enterSandbox, FORGET_SESSION } from './sql-sandbox.ts';
import { isShort, sqlToolFailure } from './sql-tool.ts';

export type RowsRequest = ReadRequest & { query: string };

/** A query, without the one for whom it runs. */
export type UnboundRequest = Omit<RowsRequest, 'boundTo'>;

/** The tables that a query may read, and its limits. */
export type ReadTarget = Pick<ReadRequest, 'schemas' | 'limits'>;

const LOCK_TIMEOUT_MS = 2_000;

/**
 * Bounds what one query takes of the server: no parallel workers, no compiler, little memory for
 * each sort and hash, and no long search for the best join order.
 */
export const BOUNDS_OF_READS = [
  `lock_timeout = ${LOCK_TIMEOUT_MS}`,
  'max_parallel_workers_per_gather = 0',
  'jit = off',
  "work_mem = '4MB'",
  'hash_mem_multiplier = 2',
  'geqo = on',
  'geqo_threshold = 12',
  'from_collapse_limit = 8',
  'join_collapse_limit = 8',
]
  .map((setting) => `set local ${setting}`)
  .join('; ');

/**
 * A value that is thrown to end the transaction. Nothing is written in the transaction, and actions
 * that happen only at a commit must not happen.
 */
const READ = Symbol('read');

/**
 * Reads the rows of a parsed SELECT, or of a query of ours, bound to a tenant. `onLoss` gets the
 * process of a backend that may still run the query, since its connection was lost.
 */
export function readBound(
  pool: Connector,
  request: RowsRequest,
  parsed: ReadQuery,
  onLoss: (processId: number) => void,
): Promise<Outcome<Rows>> {
  const { boundTo, limits } = request;
  const enter = (client: PoolClient) =>
    enterSandbox(client, boundTo, limits.timeoutMs, 'howdah_reader');
  return readInSandbox(pool, request, parsed, { enter, onLoss });
}

/** Functions that give the transaction the rights of a reader, and that learn of a lost backend. */
export type Sandbox = {
  enter(client: PoolClient): Promise<unknown>;
  onLoss(processId: number): void;
};

/**
 * Reads the rows of a parsed SELECT. Its functions are looked up in the catalogue, and its plan is
 * priced. Then the query runs as howdah_reader, to which `enter` changes, in a read-only
 * transaction that is rolled back. Nothing of the session reaches its next user.
 */
export async function readInSandbox(
  pool: Connector,
  request: UnboundRequest,
  parsed: ReadQuery,
  sandbox: Sandbox,
): Promise<Outcome<Rows>> {
  let outcome: Outcome<Rows> | undefined;
  try {
    await inTransaction(
      pool,
      async (client) => {
        const stop = cancelOnAbort(client, request.signal);
        try {
          outcome =
            (await refuseRead(client, request, parsed)) ??
            (await read(client, request, parsed, sandbox));
        } finally {
          stop();
        }
        throw READ;
      },
      FORGET_SESSION,
    );
  } catch (error) {
    if (error !== READ) return { ok: false, error: explainError(error, request, parsed.text) };
  }
  return outcome as Outcome<Rows>;
}

/**
 * Makes the transaction read only. Returns the error of a query that calls what it may not call, or
 * reads too many tables.
 */
async function refuseRead(
  client: Queryable,
  request: ReadTarget,
  { calls, tables }: ReadQuery,
): Promise<Outcome<never> | undefined> {
  return (
    (await refusedCalls(client, request, calls)) ?? (await tooManyTables(client, request, tables))
  );
}

async function refusedCalls(
  client: Queryable,
  { schemas }: ReadTarget,
  calls: ReadQuery['calls'],
): Promise<Outcome<never> | undefined> {
  // Makes Postgres read strings as the parser does. Otherwise one of them could take as SQL what
  // the other takes as a string.
  await client.query('set transaction read only; set local standard_conforming_strings = on');
  if (!calls || calls.length === 0) return undefined;
  const { rows } = await client.query<{ name: string; reason: string }>(
    'select name, reason from howdah_private.refused_calls($1, $2)',
    [JSON.stringify(calls), schemas ?? ['public']],
  );
  const [first] = rows;
  return first && rejectQuery(`${first.name} may not be called in it: ${first.reason}`);
}

/**
 * The maximum number of tables in one plan. Views and partitions are planned with all tables behind
 * them, each with its policies. The planner takes memory in the square of their number, and no
 * limit of Postgres bounds that, so the tables are counted before the query is planned.
 */
const MAX_PLANNED = 300;

async function tooManyTables(
  client: Queryable,
  { schemas }: ReadTarget,
  tables: ReadQuery['tables'],
): Promise<Outcome<never> | undefined> {
  if (tables.length === 0) return undefined;
  const { rows } = await client.query<{ planned: number }>(
    'select howdah_private.planned_tables($1, $2) as planned',
    [JSON.stringify(tables), schemas ?? ['public']],
  );
  const planned = rows[0]?.planned ?? 0;
  if (planned <= MAX_PLANNED) return undefined;
  return rejectQuery(
    `it reads ${planned} tables, counting partitions and the tables behind views; at most ${MAX_PLANNED} are allowed`,
    'Join fewer views and partitioned tables, or split the query.',
  );
}

/** The connection was lost while a query ran, which may be the fault of the query. */
class LostMidwayError extends Error {
  constructor(cause: unknown) {
    super('the connection was lost while the query ran', { cause });
  }
}

async function read(
  client: PoolClient,
  request: UnboundRequest,
  parsed: ReadQuery,
  { enter, onLoss }: Sandbox,
): Promise<Outcome<Rows>> {
  await client.query(BOUNDS_OF_READS);
  await enter(client);
  const rows = await readRows(client, request, parsed).catch((error: unknown) => {
    if (isShort(error) || !isConnectionLoss(error)) throw error;
    onLoss(processIdOf(client));
    throw new LostMidwayError(error);
  });
  return { ok: true, value: rows };
}

/** Reads the rows of a query in a transaction that is bound and has the role howdah_reader. */
export async function readRows(
  client: Queryable,
  { limits, schemas }: ReadTarget,
  { text, calls }: ReadQuery,
): Promise<Rows> {
  const path = [...(schemas ?? ['public']), 'pg_temp'].map(quoteName).join(', ');
  const statement = {
    text: `select r.rows, r.cut_by from howdah_private.run_read_query($1, $2, $3, $4, $5, $6) as r`,
    values: [text, path, calls && schemas, limits.rows, limits.bytes, limits.cost],
    ...answeredAfter(limits.timeoutMs),
  };
  const { rows } = await client.query<{ rows: string[]; cut_by: Rows['cut_by'] }>(statement);
  const [found = { rows: [], cut_by: null }] = rows;
  return { rows: found.rows.map((row) => parseJson(row) as JsonObject), cut_by: found.cut_by };
}

const ASK_FOR_LESS = 'Ask for less: fewer rows, fewer joins, narrower conditions.';

/**
 * Errors for a resource that the server does not have enough of. A second attempt would need as
 * much, so the query is not retried.
 */
const EXHAUSTED: Readonly<Record<string, string>> = {
  '53200': 'the query needs more memory than the database server has',
  '53400': 'the query needs more disk space than the database server allows for one query',
};

const HINTS: Readonly<Record<string, string>> = {
  '42501':
    'Who owns the database opens a table to queries: grant usage on schema … to howdah_analyst; grant select on … to howdah_analyst.',
  '42P01': 'Send the query `describe` to see which tables there are.',
  '42703': 'Send the query `describe` and the table to see its columns.',
  '57014': ASK_FOR_LESS,
};

/**
 * Returns an error that helps to correct the query, with the hint of Postgres or ours, and the
 * position in the query.
 */
export function explainError(
  error: unknown,
  { query, limits, signal }: Pick<RowsRequest, 'query' | 'limits' | 'signal'>,
  text: string,
): RunError {
  if (error instanceof LostMidwayError && !signal.aborted) {
    if (isAnswerTimeout(error.cause)) return timeoutError(limits);
    const cause = { was_running: true, hint: ASK_FOR_LESS };
    return { code: 'overloaded', message: error.message, retryable: true, cause };
  }
  const { code, hint = HINTS[code ?? ''] } = faultOf(error);
  const exhausted = EXHAUSTED[code];
  if (exhausted) {
    const cause = { sqlstate: code, hint: ASK_FOR_LESS };
    return { code: 'tool_failed', message: exhausted, retryable: false, cause };
  }
  if (isConnectionLoss(error) && !signal.aborted) {
    const message = 'the database could not be asked, or has too much to do';
    return { code: 'overloaded', message, retryable: true };
  }
  const failure = withoutHiddenNames(sqlToolFailure(error, limits, 'the query'), code, query);
  const cause: { [key: string]: Json } = {
    ...(failure.cause as JsonObject),
    ...(hint ? { hint } : {}),
    ...place(error, query, text),
  };
  return { ...failure, cause };
}

/** Returns the error of a query that the server did not end at its time-out. */
function timeoutError({ timeoutMs }: RowsRequest['limits']): RunError {
  const message = `the query took longer than ${timeoutMs} ms`;
  return { code: 'timeout', message, retryable: false, cause: { hint: ASK_FOR_LESS } };
}

/**
 * Returns the position of an error in the query. Postgres counts from the beginning of the
 * statement that it received, which contains the text in the middle.
 */
function place(error: unknown, query: string, text: string): JsonObject {
  const { internalPosition, internalQuery = '' } = error as { [key: string]: string | undefined };
  const [sent, said] = [internalQuery.indexOf(text), query.indexOf(text)];
  if (internalPosition === undefined || sent < 0 || said < 0) return {};
  const at = Number(internalPosition) - 1 - lengthOf(internalQuery.slice(0, sent));
  return at < 0 || at > lengthOf(text) ? {} : placeOf(query, at + lengthOf(query.slice(0, said)));
}

/** Returns the length in characters, as Postgres counts them. */
function lengthOf(text: string): number {
  return [...text].length;
}
