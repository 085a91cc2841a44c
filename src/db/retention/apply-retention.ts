import { HowdahError } from '../../contracts/errors.ts';
import { callPrivate, type Pool, type Queryable } from '../connection/pool.ts';
import { isConnectionLoss } from '../connection/sqlstate.ts';
import { isPaused, repeatBatches } from '../worker/batch-progress.ts';

/** The number of root runs, sessions and messages, and the tenants whose retention failed. */
export type RetentionOutcome = { removed: number; failures: { tenant: string; error: unknown }[] };

/** Runs statements, each in its own transaction or all in one. */
export type RunStatements = (work: (client: Queryable) => Promise<void>) => Promise<void>;

/**
 * Erases and deletes what retention policies no longer keep. Each transaction handles one batch of
 * one tenant. An error of a tenant stops only the retention of that tenant. With `run`, a dry run
 * handles a tenant in a transaction that it rolls back. Throws `HWCNF` while the job is paused.
 */
export async function applyRetention(
  pool: Pool,
  run: RunStatements = (work) => work(pool),
): Promise<RetentionOutcome> {
  const outcome: RetentionOutcome = { removed: 0, failures: [] };
  await refusePaused(pool);
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
    await client.query('select howdah_private.delete_old_query_embeddings()');
    await client.query('select howdah_private.delete_old_query_rankings()');
    await client.query('select howdah_private.delete_old_cached_answers()');
    while ((await callPrivate<number>(client, 'delete_old_searches')) > 0);
    await client.query('select howdah_private.delete_old_provider_reports()');
    await client.query('select howdah_private.delete_abandoned_provider_configs()');
  });
  return outcome;
}

/** Throws `HWCNF` while the batch job of retention is paused. */
export async function refusePaused(pool: Pool): Promise<void> {
  if (!(await isPaused(pool, 'apply_retention'))) return;
  throw new HowdahError('HWCNF', 'the batch job apply_retention is paused', {
    hint: "Resume it: select howdah.resume_batch_job('apply_retention')",
    detail: { name: 'apply_retention' },
  });
}

async function retainTenant(
  client: Queryable,
  tenant: string,
  outcome: RetentionOutcome,
): Promise<void> {
  await client.query('select howdah_private.enqueue_missed_encryptions($1)', [tenant]);
  await client.query('select howdah_private.drop_unused_data_keys($1)', [tenant]);
  outcome.removed += await repeatBatches(client, 'apply_retention', () =>
    callPrivate<number>(client, 'retain_tenant', tenant),
  );
}
