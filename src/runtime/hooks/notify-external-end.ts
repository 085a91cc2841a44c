import { inTransaction, type Pool } from '../../db/connection/pool.ts';
import { recordHookMetrics, takeEnded } from '../../db/runs/hooks.ts';
import { FORGET_SESSION } from '../../db/sql-tools/sql-sandbox.ts';
import { callAllEndHooks, metricsOf } from './call-hooks-on-end.ts';
import { sqlHooks } from './sql-hooks.ts';

/**
 * Calls the hooks of a run that was ended from outside. The hooks cannot undo the end, so their
 * answers go into the metrics of the run.
 */
export function notifyExternalEnd(pool: Pool, id: string): Promise<void> {
  return inTransaction(
    pool,
    async (client) => {
      const ended = await takeEnded(client, id);
      if (!ended?.hooks) {
        return;
      }
      const hooks = sqlHooks(client, ended.hooks).of('execution_complete');
      const metrics = metricsOf(await callAllEndHooks(hooks, ended.event));
      if (Object.keys(metrics).length > 0) {
        await recordHookMetrics(client, ended.execution_id, metrics);
      }
    },
    FORGET_SESSION,
  );
}
