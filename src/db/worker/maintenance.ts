import { setTimeout as sleep } from 'node:timers/promises';
import type { CustomTool } from '../../contracts/agents/tool.ts';
import type { Pool, Queryable } from '../connection/pool.ts';
import { isConnectionLoss, isTimeout } from '../connection/sqlstate.ts';

/**
 * Creates the monthly partitions of executions and their log, three months ahead, and returns how
 * many were missing. Each partition has its own transaction, so that no lock is held while another
 * one is awaited. Rejects with `55P03` when another session is in the way; try again later.
 */
export async function ensurePartitions(pool: Queryable): Promise<number> {
  for (let sum = 0; ; ) {
    const { rows } = await pool.query(
      'select howdah_private.ensure_partitions(max_partitions => 1) as made',
    );
    if (rows[0].made === 0) return sum;
    sum += rows[0].made;
  }
}

const MONTH_ATTEMPTS = 30;

/**
 * Creates the partitions of the months between two times, each month in its own transaction. When
 * another session holds a table for long, pauses and tries again. Rejects with `55P03` after 30
 * attempts.
 */
export async function ensureMonths(
  pool: Queryable,
  since: Date,
  until: Date,
  pause: () => Promise<unknown> = () => sleep(1_000),
): Promise<void> {
  const month = new Date(Date.UTC(since.getUTCFullYear(), since.getUTCMonth(), 1));
  for (; month <= until; month.setUTCMonth(month.getUTCMonth() + 1)) {
    for (let attempt = 1; ; attempt++) {
      try {
        await pool.query('select howdah_private.ensure_month($1)', [month]);
        break;
      } catch (error) {
        if (!isTimeout(error) || attempt === MONTH_ATTEMPTS) throw error;
      }
      await pause();
    }
  }
}

/**
 * Returns whether a job is due, including jobs that are being worked on. For a worker with a scope,
 * returns whether a run in its scope is due.
 */
export async function hasDueWork(pool: Pool, worker: string): Promise<boolean> {
  const { rows } = await pool.query('select howdah_private.has_due_work($1) as has_due_work', [
    worker,
  ]);
  return rows[0].has_due_work;
}

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

/**
 * Updates the models named `default` from the environment, except where a person has edited them.
 */
export async function syncDefaultModel(
  pool: Pool,
  model: { provider: string; model: string },
): Promise<void> {
  await pool.query('select howdah_private.sync_default_model($1, $2)', [
    model.provider,
    model.model,
  ]);
}

/**
 * Returns which of these names belong to tools of the default tenant that are not written in code.
 * The rows of those tools are kept.
 */
export async function namesOfOthers(pool: Pool, names: readonly string[]): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select t.name from howdah.tools as t join howdah.tenants as n on n.id = t.tenant_id
     where n.slug = 'default' and t.kind <> 'custom' and t.name = any ($1) order by t.name`,
    [names],
  );
  return rows.map(({ name }) => name);
}

/**
 * Writes the tools registered in code as rows of the default tenant, so that agents can use them.
 */
export async function syncCustomTools(pool: Pool, tools: readonly CustomTool[]): Promise<void> {
  const rows = tools.map((tool) => ({
    name: tool.name,
    description: tool.description,
    parameters: tool.parameters,
    effect: tool.effect ?? 'idempotent',
    capabilities: tool.capabilities,
    domain: tool.domain,
  }));
  await pool.query('select howdah_private.sync_custom_tools($1)', [JSON.stringify(rows)]);
}
