import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { cancelOnAbort } from '../connection/cancel-statement.ts';
import { parseLosslessJson } from '../connection/lossless-json.ts';
import { inTransaction, type Pool, type PoolClient, quoteName } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';
import { storableJson } from '../connection/storable-json.ts';
import { type CapturedChanges, capturingQuery } from './captured-changes.ts';
import { type BoundTo, boundQuery, FORGET_SESSION, inSandbox } from './sql-sandbox.ts';

/** A function of the database as `register_sql_tool` described it in `tools.configuration`. */
export type SqlFunction = {
  schema: string;
  function: string;
  returns_set: boolean;
  arguments: { name: string; type: string; optional: boolean }[];
};

export type SqlToolCall = {
  /** The run it is called in, for whose tenant and with whose user's rights it runs. */
  boundTo: BoundTo & { executionId: string };
  fn: SqlFunction;
  args: JsonObject;
  timeoutMs: number;
  /** Abandons the call: nothing of it is committed. */
  signal: AbortSignal;
  /** Looks at what the call did before it is committed, and throws `NotAsShown` where nothing of it shall be. */
  check?: ((watched: CapturedChanges) => void) | undefined;
};

/** The call did something else than whoever allowed it was shown, and is undone. */
export class NotAsPreviewedError extends Error {}

/** What is done first in the transaction of a call, as the worker. */
export type BeforeCall = (client: PoolClient) => Promise<JsonObject | undefined>;

/**
 * Calls the function and commits its step in one transaction: begin, savepoint, role and time-out, call,
 * `commit`, commit. So the effect and the log of it exist together or not at all; when `commit` throws, because
 * another worker owns the run by now, the effect is rolled back. A failing call is rolled back to the savepoint and its
 * error is what gets committed. `before` gives the arguments; none when there is nothing to call any more.
 */
export async function callInCommit(
  pool: Pool,
  call: SqlToolCall,
  commit: (client: PoolClient, outcome: Outcome<Json>) => Promise<void>,
  before?: BeforeCall,
): Promise<void> {
  const work = async (client: PoolClient): Promise<void> => {
    const args = before ? await before(client) : call.args;
    if (!args) {
      return;
    }
    return commit(client, await outcomeOf(client, { ...call, args }));
  };
  return inTransaction(pool, work, FORGET_SESSION);
}

const RIGHTS =
  'Tools written in SQL have the rights of howdah_app: grant it what the function reads and writes.';

/** Serialization failure and deadlock: the call lost to another one, is undone, and may win the next time. */
const LOST_RACES = ['40001', '40P01'];

/** The database is short of something (disk, memory, connections): the call is not to blame, and soon is too soon. */
const SHORTAGE = /^53/;
const AFTER_SHORTAGE_MS = 10_000;

export function isShort(error: unknown): boolean {
  return SHORTAGE.test(faultOf(error).code);
}

async function outcomeOf(client: PoolClient, call: SqlToolCall): Promise<Outcome<Json>> {
  const stop = cancelOnAbort(client, call.signal);
  try {
    const { boundTo, timeoutMs, check } = call;
    const value = await inSandbox(client, boundTo, timeoutMs, async () => {
      if (!check) return plainValue(client, call);
      const watched = await watchedCall(client, call);
      check(watched);
      return watched.value;
    });
    return { ok: true, value };
  } catch (error) {
    if (error instanceof NotAsPreviewedError) throw error;
    return { ok: false, error: failureOf(error, call) };
  } finally {
    stop();
  }
}

async function plainValue(client: PoolClient, call: SqlToolCall): Promise<Json> {
  const { fn, args, timeoutMs } = call;
  const statement = statementOf(fn, args, await typesOf(client, fn));
  return valueIn(fn, await boundQuery(client, statement, storableJson(args), timeoutMs));
}

/** Calls it within the sandbox, and tells what that changed. */
export async function watchedCall(client: PoolClient, call: SqlToolCall): Promise<CapturedChanges> {
  const { fn, args, timeoutMs } = call;
  const statement = statementOf(fn, args, await typesOf(client, fn));
  const { results, ...changes } = await capturingQuery(
    client,
    statement,
    storableJson(args),
    timeoutMs,
  );
  return { value: valueIn(fn, results), ...changes };
}

function valueIn(fn: SqlFunction, texts: readonly (string | null)[]): Json {
  const values = texts.map((text) => (text === null ? null : parseLosslessJson(text)));
  return fn.returns_set ? values : (values[0] ?? null);
}

export function failureOf(
  error: unknown,
  { timeoutMs }: Pick<SqlToolCall, 'timeoutMs'>,
  what = 'the tool',
): RunError {
  const { code, message, hint, detail } = faultOf(error);
  const timedOut = code === '57014';
  return {
    code: timedOut ? 'timeout' : isShort(error) ? 'overloaded' : 'tool_failed',
    message: timedOut ? `${what} took longer than ${timeoutMs} ms` : message,
    retryable: isShort(error) || LOST_RACES.includes(code),
    ...(isShort(error) ? { retry_after_ms: AFTER_SHORTAGE_MS } : {}),
    cause: {
      sqlstate: code,
      ...(hint || code === '42501' ? { hint: hint ?? RIGHTS } : {}),
      ...(detail ? { detail } : {}),
    },
  };
}

const typeNames = new Map<string, string>();

/**
 * The types of the arguments as Postgres itself writes them, by how the definition has them. They go into the text of a
 * statement, so nothing that is no type may come through here, whoever wrote the definition.
 */
async function typesOf(client: PoolClient, fn: SqlFunction): Promise<ReadonlyMap<string, string>> {
  const unknown = fn.arguments.map(({ type }) => type).filter((type) => !typeNames.has(type));
  if (unknown.length > 0) {
    const { rows } = await client.query<{ said: string; name: string | null }>(
      'select t.said, pg_catalog.to_regtype(t.said)::text as name from pg_catalog.unnest($1::text[]) as t (said)',
      [unknown],
    );
    for (const { said, name } of rows) {
      if (name === null)
        throw new Error(`the function has an argument of type ${said}, and there is no such type`);
      typeNames.set(said, name);
    }
  }
  return typeNames;
}

/**
 * The arguments travel as one JSON document, so that every type of Postgres arrives as itself. `r.*` is the whole
 * result, where a bare `r` might be a column or an argument of that name.
 */
function statementOf(
  fn: SqlFunction,
  args: JsonObject,
  types: ReadonlyMap<string, string>,
): string {
  const given = fn.arguments.filter((argument) => Object.hasOwn(args, argument.name));
  const columns = given
    .map((argument) => `${quoteName(argument.name)} ${types.get(argument.type)}`)
    .join(', ');
  const named = given
    .map((argument) => `${quoteName(argument.name)} => a.${quoteName(argument.name)}`)
    .join(', ');
  const source =
    given.length > 0 ? `jsonb_to_record($1::jsonb) as a (${columns})` : '(select $1::jsonb) as a';
  const target = `${quoteName(fn.schema)}.${quoteName(fn.function)}(${named})`;
  const value = `case when pg_typeof(r.*) <> 'void'::regtype then to_json(r.*) end::text`;
  return `select ${value} as value from ${source} cross join lateral ${target} as r`;
}
