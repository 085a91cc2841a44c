import { type PoolClient, quoteText } from '../connection/pool.ts';

/**
 * The tenant for which SQL that is not ours runs, and the run that causes it. The SQL acts for the
 * user of that run. With `isUserless` the SQL acts for no user.
 */
export type BoundTo = {
  tenantId: string;
  executionId?: string | undefined;
  isUserless?: boolean | undefined;
};

const ANSWER_MS = 5_000;

/**
 * Returns the time limit of the client for a statement that runs a user's code. The limit is longer
 * than the time-out, because the server ends the statement at the time-out and then reports it.
 */
export function answeredAfter(timeoutMs: number): object {
  return { query_timeout: Math.min(timeoutMs + ANSWER_MS, 2 ** 31 - 1) }; // the types of pg omit it
}

/**
 * Commands that remove all session state that outlives a transaction, so that none of it reaches
 * the next call.
 */
export const FORGET_SESSION =
  'reset role; reset all; unlisten *; discard temp; select pg_catalog.pg_advisory_unlock_all()';

/**
 * Commands that remove all session state that would act within the transaction: cursors, prepared
 * statements under the names of ours, types and tables that come before all others, settings. None
 * of these commands looks up a name.
 */
const LEAVE = 'close all; deallocate all; discard temp; reset all; set local role howdah_worker';

/**
 * Runs `work` as howdah_tool, limited to `boundTo`, under a time-out. Afterwards the
 * session is the worker's again. The writes stay when `work` returns and are undone when it throws;
 * the error is rethrown.
 */
export async function inSandbox<T>(
  client: PoolClient,
  boundTo: BoundTo,
  timeoutMs: number,
  work: () => Promise<T>,
): Promise<T> {
  await client.query('savepoint sandbox');
  const state = await enterSandbox(client, boundTo, timeoutMs);
  try {
    const result = await work();
    const check = `select howdah_private.check_leftovers(${quoteText(state)})`;
    await client.query(`${LEAVE}; ${check}; release savepoint sandbox`);
    return result;
  } catch (error) {
    await client.query(`rollback to savepoint sandbox; ${LEAVE}`);
    throw error;
  }
}

/**
 * Gives the transaction the rights of `role` from here on. Returns the state that `check_leftovers`
 * needs.
 */
export async function enterSandbox(
  client: PoolClient,
  boundTo: BoundTo,
  timeoutMs: number,
  role: 'howdah_tool' | 'howdah_reader' = 'howdah_tool',
): Promise<string> {
  const binding = boundTo.isUserless ? 'userless_binding' : 'binding';
  const { rows } = await client.query<{ state: string }>(
    `select howdah_private.sandbox_state() as state,
       set_config('howdah.bound', howdah_private.${binding}($1, $2), true),
       set_config('statement_timeout', $3, true), set_config('role', $4, true)`,
    [boundTo.tenantId, boundTo.executionId ?? null, String(timeoutMs), role],
  );
  return rows[0]?.state ?? '';
}

/**
 * Runs one statement of a text column in the sandbox, with the argument as `$1`. Returns its rows.
 */
export async function boundQuery(
  client: PoolClient,
  statement: string,
  argument: string,
  timeoutMs: number,
): Promise<(string | null)[]> {
  const { rows } = await client.query<{ value: string | null }>({
    text: `select r.value from howdah_private.run_as_tool_role($1, $2, current_setting('search_path')) as r (value)`,
    values: [statement, argument],
    ...answeredAfter(timeoutMs),
  });
  return rows.map(({ value }) => value);
}

/** A statement that writes into a watched table, and returns a value per row of its argument. */
export type BoundWrite = {
  /** The run whose chain of watches continues if the write begins further runs. */
  executionId: string;
  statement: string;
  /** A JSON text. It reaches the statement as it is. */
  argument: string;
};

export type BoundWriteOptions = {
  /** The longest wait for a lock. */
  lockMs: number;
  /** The time limit of the write. */
  timeoutMs: number;
  /** A statement that the worker runs afterwards as itself. If it fails, the write is undone. */
  verify: string;
};

/** A tenant id that belongs to nobody, so that triggers of the table reach no rows of a tenant. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/**
 * Writes into a watched table as howdah_writer, in the sandbox, in one round trip. Returns the
 * values of the statement and the milliseconds that the server took. The write stays when this
 * returns, and is undone when it throws. The caller calls `check_leftovers` before it commits.
 */
export async function writeInSandbox(
  client: PoolClient,
  { executionId, statement, argument }: BoundWrite,
  { lockMs, timeoutMs, verify }: BoundWriteOptions,
): Promise<{ values: (string | null)[]; tookMs: number }> {
  const script = [
    'savepoint sandbox',
    `select set_config('howdah.bound', howdah_private.userless_binding('${NOBODY}', ${quoteText(executionId)}), true),
       set_config('lock_timeout', '${lockMs}', true),
       set_config('statement_timeout', '${timeoutMs}', true),
       set_config('role', 'howdah_writer', true)`,
    `select r.value from howdah_private.write_bound(
       ${quoteText(statement)}, ${quoteText(argument)}, current_setting('search_path')) as r (value)`,
    LEAVE,
    verify,
    // statement_timestamp() is the time at which the server received the whole script
    `select extract(epoch from clock_timestamp() - statement_timestamp())::float8 * 1000 as took_ms`,
    'release savepoint sandbox',
  ];
  try {
    const results = (await client.query({
      ...{ text: script.join('; '), ...answeredAfter(timeoutMs) },
    })) as unknown as {
      fields: { name: string }[];
      rows: { value?: string | null; took_ms?: number }[];
    }[];
    const written = results.find(({ fields }) => fields?.[0]?.name === 'value');
    const values = (written?.rows ?? []).map(({ value = null }) => value);
    return { values, tookMs: results.at(-2)?.rows[0]?.took_ms ?? 0 };
  } catch (error) {
    await client.query(`rollback to savepoint sandbox; ${LEAVE}`);
    throw error;
  }
}
