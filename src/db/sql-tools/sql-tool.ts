import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { storableJson } from '../../json/storable-json.ts';
import { cancelOnAbort } from '../connection/cancel-statement.ts';
import { inTransaction, type Pool, type PoolClient, quoteName } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';
import { type CapturedChanges, capturingQuery } from './captured-changes.ts';
import { checkRounding, RoundedArgumentError, type TypedArgument } from './check-rounding.ts';
import { type BoundTo, boundQuery, FORGET_SESSION, inSandbox } from './sql-sandbox.ts';

/** A function of the database as `register_sql_tool` described it in `tools.configuration`. */
export type SqlFunction = {
  schema: string;
  function: string;
  returns_set: boolean;
  arguments: { name: string; type: string; optional: boolean }[];
};

export type SqlToolCall = {
  /**
   * The run of the call. The function runs for the tenant of the run, with the rights of its user.
   */
  boundTo: BoundTo & { executionId: string };
  fn: SqlFunction;
  args: JsonObject;
  timeoutMs: number;
  /** A signal that abandons the call, so that nothing of the call is committed. */
  signal: AbortSignal;
  /**
   * Checks the changes of the call before they are committed. Throws `NotAsPreviewedError` if
   * nothing may be committed.
   */
  check?: ((watched: CapturedChanges) => void) | undefined;
};

/** The error of a call that did something else than its preview showed. The call is undone. */
export class NotAsPreviewedError extends Error {}

/** A function that runs first in the transaction of a call, as the worker. */
export type BeforeCall = (client: PoolClient) => Promise<JsonObject | undefined>;

/**
 * Calls the function and commits its step in one transaction: begin, savepoint, role and time-out,
 * call, `commit`, commit. The effect and its log therefore exist together or not at all. If
 * `commit` throws because another worker owns the run by now, the effect is rolled back. A failing
 * call is rolled back to the savepoint, and its error is committed. `before` returns the arguments,
 * or undefined if there is nothing left to call.
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
  'Tools written in SQL run with the rights of howdah_app: grant howdah_app what the function reads and writes.';

/**
 * The errors serialization failure and deadlock. The call lost to another call and is undone, and
 * it may succeed the next time.
 */
const LOST_RACES = ['40001', '40P01'];

/**
 * Errors for a shortage in the database (disk, memory, connections). The call is not the cause, and
 * an immediate retry is too soon.
 */
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
    return { ok: false, error: sqlToolFailure(error, call) };
  } finally {
    stop();
  }
}

async function plainValue(client: PoolClient, call: SqlToolCall): Promise<Json> {
  const { fn, args, timeoutMs } = call;
  const statement = await prepareStatement(client, call);
  return valueIn(fn, await boundQuery(client, statement, storableJson(args), timeoutMs));
}

/** Calls the function within the sandbox. Returns its result and its changes. */
export async function watchedCall(client: PoolClient, call: SqlToolCall): Promise<CapturedChanges> {
  const { fn, args, timeoutMs } = call;
  const statement = await prepareStatement(client, call);
  const { results, ...changes } = await capturingQuery(
    client,
    statement,
    storableJson(args),
    timeoutMs,
  );
  return { value: valueIn(fn, results), ...changes };
}

function valueIn(fn: SqlFunction, texts: readonly (string | null)[]): Json {
  const values = texts.map((text) => (text === null ? null : parseJson(text)));
  return fn.returns_set ? values : (values[0] ?? null);
}

export function sqlToolFailure(
  error: unknown,
  { timeoutMs }: Pick<SqlToolCall, 'timeoutMs'>,
  what = 'the tool',
): RunError {
  const { code, message, hint, detail } = faultOf(error);
  if (error instanceof RoundedArgumentError) {
    return { code: 'invalid_arguments', message, retryable: false };
  }
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
 * Returns the types of the arguments as Postgres writes them, by their text in the definition. The
 * types become part of the text of a statement. A text that is not a type must therefore not pass,
 * regardless of who wrote the definition.
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

/** Returns the statement that calls the function, which takes its arguments as they are. */
async function prepareStatement(
  client: PoolClient,
  { fn, args, timeoutMs }: SqlToolCall,
): Promise<string> {
  const types = await typesOf(client, fn);
  const passed = fn.arguments
    .filter(({ name }) => Object.hasOwn(args, name))
    .map(({ name, type }) => ({ name, type: types.get(type) ?? type }));
  const columns = passed.map(({ name, type }) => `${quoteName(name)} ${readAs(type)}`).join(', ');
  await checkRounding(client, passed, args, columns, timeoutMs);
  return statementOf(fn, passed, columns);
}

const INTEGER = /^(smallint|integer|bigint)$/;

/** Returns the type as which an argument is read. Integers do not read `1e3` from text. */
const readAs = (type: string): string => (INTEGER.test(type) ? 'numeric' : type);

/** Returns the expression for an argument. A fraction is no integer, and is not rounded to one. */
function passedAs({ name, type }: TypedArgument): string {
  const column = `a.${quoteName(name)}`;
  return INTEGER.test(type) ? `trim_scale(${column})::text::${type}` : column;
}

/**
 * Returns the statement that calls the function. The arguments are sent as one JSON document, so
 * that values of every type of Postgres arrive unchanged. `r.*` is the whole result, while a bare
 * `r` might be a column or an argument of that name.
 */
function statementOf(fn: SqlFunction, passed: readonly TypedArgument[], columns: string): string {
  const named = passed.map((one) => `${quoteName(one.name)} => ${passedAs(one)}`).join(', ');
  const source =
    passed.length > 0 ? `jsonb_to_record($1::jsonb) as a (${columns})` : '(select $1::jsonb) as a';
  const target = `${quoteName(fn.schema)}.${quoteName(fn.function)}(${named})`;
  const value = `case when pg_typeof(r.*) <> 'void'::regtype then to_json(r.*) end::text`;
  return `select ${value} as value from ${source} cross join lateral ${target} as r`;
}
