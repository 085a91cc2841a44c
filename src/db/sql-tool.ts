import type { Outcome, RunError } from '../contracts/errors.ts';
import type { Json, JsonObject } from '../contracts/json.ts';
import { breakConnection, inTransaction, type Pool, type PoolClient, quoteName } from './pool.ts';
import { storableJson } from './runs.ts';
import { type BoundTo, boundQuery, FORGET_SESSION, inSandbox } from './sandbox.ts';
import { faultOf } from './sqlstate.ts';

/** A function of the database as `register_sql_tool` described it in `tools.configuration`. */
export type SqlFunction = {
  schema: string;
  function: string;
  returns_set: boolean;
  arguments: { name: string; type: string; optional: boolean }[];
};

export type SqlToolCall = {
  /** The run it is called in, for whose tenant and with whose user's rights it runs. */
  boundTo: Required<BoundTo>;
  fn: SqlFunction;
  args: JsonObject;
  timeoutMs: number;
  /** Abandons the call: nothing of it is committed. */
  signal: AbortSignal;
};

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

async function outcomeOf(client: PoolClient, call: SqlToolCall): Promise<Outcome<Json>> {
  const stop = breakOnAbort(client, call.signal);
  try {
    const { boundTo, timeoutMs, fn, args } = call;
    const texts = await inSandbox(client, boundTo, timeoutMs, async () => {
      const statement = statementOf(fn, args, await typesOf(client, fn));
      return boundQuery(client, statement, storableJson(args), timeoutMs);
    });
    const values = texts.map((text) => (text === null ? null : exactJson(text)));
    return { ok: true, value: fn.returns_set ? values : (values[0] ?? null) };
  } catch (error) {
    return { ok: false, error: failureOf(error, call) };
  } finally {
    stop();
  }
}

export function failureOf(
  error: unknown,
  { timeoutMs }: Pick<SqlToolCall, 'timeoutMs'>,
  what = 'the tool',
): RunError {
  const { code, message, hint, detail } = faultOf(error);
  const timedOut = code === '57014';
  const isShort = SHORTAGE.test(code);
  return {
    code: timedOut ? 'timeout' : isShort ? 'overloaded' : 'tool_failed',
    message: timedOut ? `${what} took longer than ${timeoutMs} ms` : message,
    retryable: isShort || LOST_RACES.includes(code),
    ...(isShort ? { retry_after_ms: AFTER_SHORTAGE_MS } : {}),
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

/** JSON whose numbers JavaScript cannot hold (bigint, numeric) come as text with all their digits. */
export function exactJson(text: string): Json {
  return /[\d.]{16}/.test(text) ? JSON.parse(text, exactNumber) : JSON.parse(text);
}

function exactNumber(_key: string, value: Json, ...[context]: { source?: string }[]): Json {
  const source = context?.source ?? '';
  return typeof value === 'number' && digits(source) !== digits(String(value)) ? source : value;
}

function digits(number: string): string {
  return number
    .replace(/e.*$/i, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '');
}

/**
 * Breaks the connection when the signal fires. Only a cancelled or abandoned run does that, whose step could
 * not be committed any more; on the server the statement ends by its time-out.
 */
export function breakOnAbort(client: PoolClient, signal: AbortSignal): () => void {
  const abort = (): void => breakConnection(client);
  if (signal.aborted) {
    abort();
  }
  signal.addEventListener('abort', abort, { once: true });
  return () => signal.removeEventListener('abort', abort);
}
