import type { HookRow } from '../../contracts/agents/hook.ts';
import type { PoolClient } from '../../db/connection/pool.ts';
import { callSqlHook } from '../../db/runs/hooks.ts';
import type { CallableHook, HookSet } from './hook-verdict.ts';

/** Returns the hooks of the database, which are called in the transaction of the client. */
export function sqlHooks(client: PoolClient, rows: readonly HookRow[]): HookSet {
  const hooks: CallableHook[] = rows.map((row) => ({
    name: row.function,
    event: row.event,
    call: (event) => callSqlHook(client, row, event),
  }));
  return {
    of: (event) => hooks.filter((hook) => hook.event === event),
    mark: () => client.query('savepoint hooks').then(() => {}),
    undo: () => client.query('rollback to savepoint hooks').then(() => {}),
  };
}
