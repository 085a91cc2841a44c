import type { Pool, Queryable } from '../connection/pool.ts';
import { isConnectionLoss } from '../connection/sqlstate.ts';

/** The number of root runs, sessions and messages, and the tenants whose retention failed. */
export type RetentionOutcome = { removed: number; failures: { tenant: string; error: unknown }[] };

/** Runs statements, each in its own transaction or all in one. */
export type RunStatements = (work: (client: Queryable) => Promise<void>) => Promise<void>;

/**
 * Erases and deletes what retention policies no longer keep. Each transaction handles one batch of
 * one tenant. An error of a tenant stops only the retention of that tenant. With `run`, a dry run
 * handles a tenant in a transaction that it rolls back.
 */
export async function applyRetention(
  pool: Pool,
  run: RunStatements = (work) => work(pool),
): Promise<RetentionOutcome> {
  const outcome: RetentionOutcome = { removed: 0, failures: [] };
  const { rows } = await pool.query<{ tenant: string }>(
    'select t.id as tenant from howdah_private.tenants_with_retention() as t (id)',
  );
  for (const { tenant } of rows) {
    try {
      await run((client) => retainTenant(client, tenant, outcome));
    } catch (error) {
      if (isConnectionLoss(error)) throw error;
      outcome.failures.push({ tenant, error });
    }
  }
  await run(async (client) => {
    await client.query('select howdah_private.delete_old_receivers()');
    await client.query('select howdah_private.delete_old_deliveries()');
    await client.query('select howdah_private.delete_old_provider_reports()');
    await client.query('select howdah_private.delete_abandoned_provider_configs()');
  });
  return outcome;
}

async function retainTenant(
  client: Queryable,
  tenant: string,
  outcome: RetentionOutcome,
): Promise<void> {
  await client.query('select howdah_private.enqueue_missed_encryptions($1)', [tenant]);
  await client.query('select howdah_private.drop_unused_data_keys($1)', [tenant]);
  for (;;) {
    const { rows } = await client.query('select howdah_private.retain_tenant($1) as done', [
      tenant,
    ]);
    if (rows[0].done === 0) return;
    outcome.removed += rows[0].done;
  }
}

const ERASED_AT_ONCE = 100;
const PARTS_AT_ONCE = 10;

/**
 * Erases data that tenants do not keep beyond the end of a run, a limited number of batches per
 * call. Only one worker at a time does this. Calls of other workers return at once.
 */
export async function eraseEnded(pool: Pool): Promise<void> {
  for (let part = 0; part < PARTS_AT_ONCE; part += 1) {
    const { rows } = await pool.query('select howdah_private.erase_ended($1) as done', [
      ERASED_AT_ONCE,
    ]);
    if (rows[0].done < ERASED_AT_ONCE) return;
  }
}
