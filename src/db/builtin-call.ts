import type { Outcome } from '../contracts/errors.ts';
import type { Json, JsonObject } from '../contracts/json.ts';
import { inTransaction, type Pool, type PoolClient } from './pool.ts';
import { storableJson } from './runs.ts';
import { FORGET_SESSION } from './sandbox.ts';
import type { BeforeCall } from './sql-tool.ts';
import { faultOf } from './sqlstate.ts';

/** Built-in tools that are functions of our own schema, and what they are called there. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  todo: 'select howdah_private.call_todo($1, $2) as value',
};

/** True for a built-in tool that runs in the transaction that commits its step. */
export function isDatabaseBuiltin(name: string): boolean {
  return Object.hasOwn(FUNCTIONS, name);
}

/**
 * Calls a built-in tool of the database and commits its step in one transaction. `begin` is called first and waits for
 * the run's turn to commit: the tool may lock the run's row, so no other commit of the run may be waiting for that.
 */
export async function callBuiltinInCommit(
  pool: Pool,
  call: { name: string; execution_id: string; args: JsonObject },
  begin: () => Promise<void>,
  commit: (client: PoolClient, outcome: Outcome<Json>) => Promise<void>,
  before?: BeforeCall,
): Promise<void> {
  const work = async (client: PoolClient): Promise<void> => {
    const args = before ? await before(client) : call.args;
    if (!args) {
      return;
    }
    await client.query('savepoint call');
    const outcome = await outcomeOf(client, { ...call, args });
    await client.query(outcome.ok ? 'release savepoint call' : 'rollback to savepoint call');
    await commit(client, outcome);
  };
  await begin();
  await inTransaction(pool, work, before ? FORGET_SESSION : '');
}

async function outcomeOf(
  client: PoolClient,
  { name, execution_id, args }: { name: string; execution_id: string; args: JsonObject },
): Promise<Outcome<Json>> {
  try {
    const { rows } = await client.query(FUNCTIONS[name] as string, [
      execution_id,
      storableJson(args),
    ]);
    return { ok: true, value: rows[0].value };
  } catch (error) {
    const { code, message, hint } = faultOf(error);
    if (!/^HW/.test(code)) {
      throw error;
    }
    const cause = hint ? { hint } : undefined;
    return {
      ok: false,
      error: { code: 'tool_failed', message, retryable: false, ...(cause ? { cause } : {}) },
    };
  }
}
