import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { storableJson } from '../../json/storable-json.ts';
import { inTransaction, type Pool, type PoolClient } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';
import { FORGET_SESSION } from './sql-sandbox.ts';
import type { BeforeCall } from './sql-tool.ts';

/** A call of a built-in tool that runs in the database. */
export type BuiltinCall = {
  name: string;
  execution_id: string;
  call_id: string;
  args: JsonObject;
  configuration: JsonObject;
};

/** The outcome of a call: its end, or the longest time that the call waits for its end. */
export type BuiltinOutcome = ToolOutcome | { waits_ms: number };

/**
 * Built-in tools that are functions of our own schema, each with its statement and the values of
 * the statement.
 */
const FUNCTIONS: Readonly<Record<string, readonly [text: string, ...(keyof BuiltinCall)[]]>> = {
  todo: ['select howdah_private.call_todo($1, $2) as value', 'execution_id', 'args'],
  load_skill: ['select howdah_private.call_load_skill($1, $2) as value', 'execution_id', 'args'],
  send_message: [
    'select howdah_private.call_send_message($1, $2, $3) as value',
    'execution_id',
    'args',
    'configuration',
  ],
  receive: [
    'select value, waits_ms::float8 from howdah_private.call_receive($1, $2, $3)',
    'execution_id',
    'call_id',
    'args',
  ],
  discover_agents: [
    'select howdah_private.call_discover_agents($1, $2) as value',
    'execution_id',
    'args',
  ],
  board_read: ['select howdah_private.call_board_read($1, $2) as value', 'execution_id', 'args'],
  board_write: ['select howdah_private.call_board_write($1, $2) as value', 'execution_id', 'args'],
  now: ['select howdah_private.tool_now($1) as value', 'args'],
  read_resource: [
    'select howdah_private.call_read_resource($1, $2) as value',
    'execution_id',
    'args',
  ],
  write_resource: [
    'select howdah_private.call_write_resource($1, $2) as value',
    'execution_id',
    'args',
  ],
  knowledge_search: [
    'select howdah_private.call_knowledge_search($1, $2) as value',
    'execution_id',
    'args',
  ],
  remember: [
    'select howdah_private.call_remember($1, $2, $3) as value',
    'execution_id',
    'args',
    'configuration',
  ],
  recall: [
    'select howdah_private.call_recall($1, $2, $3) as value',
    'execution_id',
    'args',
    'configuration',
  ],
  search_messages: [
    'select howdah_private.call_search_messages($1, $2) as value',
    'execution_id',
    'args',
  ],
};

/**
 * The longest time of tools that may read much. A run whose call ends with a lost connection is
 * tried again, and again.
 */
const TIME_LIMITS_MS: Readonly<Record<string, number>> = {
  knowledge_search: 10_000,
  recall: 10_000,
};

/**
 * Tools whose refusals quote nothing but the call, so that a run that is refused is not tainted.
 * Otherwise a run whose pinned memories are too long could not make room for others.
 */
const QUOTING_NOTHING: ReadonlySet<string> = new Set(['remember']);

/** Returns whether a built-in tool runs in the transaction that commits its step. */
export function isDatabaseBuiltin(name: string): boolean {
  return Object.hasOwn(FUNCTIONS, name);
}

/**
 * Calls a built-in tool of the database and commits its step in one transaction. `begin` is called
 * first and waits for the run's turn to commit. The tool may lock the row of the run, so no other
 * commit of the run may be waiting for that row.
 */
export async function callBuiltinInCommit(
  pool: Pool,
  call: BuiltinCall,
  begin: () => Promise<void>,
  commit: (client: PoolClient, outcome: BuiltinOutcome) => Promise<void>,
  before?: BeforeCall,
): Promise<void> {
  const work = async (client: PoolClient): Promise<void> => {
    const args = before ? await before(client) : call.args;
    if (!args) {
      return;
    }
    await client.query('savepoint call');
    const outcome = await outcomeOf(client, { ...call, args });
    const isReleased = !('ok' in outcome) || outcome.ok;
    await client.query(isReleased ? 'release savepoint call' : 'rollback to savepoint call');
    await commit(client, outcome);
  };
  await begin();
  await inTransaction(pool, work, before ? FORGET_SESSION : '');
}

async function outcomeOf(client: PoolClient, call: BuiltinCall): Promise<BuiltinOutcome> {
  const [text, ...names] = FUNCTIONS[call.name] as (typeof FUNCTIONS)[string];
  const values = names.map((name) => {
    const value = call[name];
    return typeof value === 'string' ? value : storableJson(value);
  });
  const limitMs = TIME_LIMITS_MS[call.name];
  try {
    if (limitMs) await client.query(`set local statement_timeout = ${limitMs}`);
    const { rows } = await client.query(text, values);
    if (limitMs) await client.query('set local statement_timeout to default');
    const { value, waits_ms } = rows[0];
    if (waits_ms) {
      return { waits_ms };
    }
    const { rows: known } = await client.query(
      'select howdah_private.builtin_trust($1, $2, $3) as trust',
      [call.execution_id, call.name, storableJson(value)],
    );
    return { ok: true, value, trust: known[0].trust };
  } catch (error) {
    const failed = { ok: false as const, error: refusalOf(error, limitMs) };
    return QUOTING_NOTHING.has(call.name) ? { ...failed, trust: 'system' } : failed;
  }
}

/**
 * Returns the error that a model receives for a rejected call. Rethrows any other error, because it
 * is no answer of the tool.
 */
function refusalOf(error: unknown, limitMs: number | undefined): RunError {
  const { code, message, hint } = faultOf(error);
  if (limitMs && code === '57014') {
    const cause = { hint: 'Ask with fewer and rarer words.' };
    return {
      code: 'timeout',
      message: `it took longer than ${limitMs} ms`,
      retryable: false,
      cause,
    };
  }
  if (!/^HW/.test(code)) {
    throw error;
  }
  const kind = code === 'HWQTA' ? 'limit_reached' : 'tool_failed';
  return { code: kind, message, retryable: false, ...(hint ? { cause: { hint } } : {}) };
}
