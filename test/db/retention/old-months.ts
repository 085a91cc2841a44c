import { generateHistory } from '../../../src/db/sample-history/generate.ts';
import { all, makeRun, one } from '../../sql/support.ts';
import type { TestDatabase } from '../../support/database.ts';

/** Creates two old months of runs of two tenants, with policies that keep runs for 30 days. */
export async function makeOldMonths({ url, pool }: TestDatabase, executions = 600): Promise<void> {
  const until = new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() - 3, 1));
  await generateHistory(
    url,
    { executions, steps: 5, days: 58, tenants: 2, agents: 2, seed: 7, until, append: true },
    () => {},
  );
  await pool.query(
    `insert into howdah.retention_policies (tenant_id, keep_runs_days, is_by_month)
     select distinct tenant_id, 30, true from howdah.executions`,
  );
}

/** Reads the views that count runs, with all digits of their numbers. */
export async function sumsOfAll({ pool }: TestDatabase) {
  return {
    days: await all(
      pool,
      `select tenant_id, day, agent_id, runs, completed, failed, success_rate, steps, tokens_in, tokens_out, cost
       from howdah.daily_usage order by 1, 2, 3`,
    ),
    agents: await all(
      pool,
      `select tenant_id, agent_id, version, runs, completed, failed, cancelled, success_rate, steps_per_run, tokens_in, cost
       from howdah.agent_performance order by 1, 2, 3`,
    ),
    models: await all(
      pool,
      `select tenant_id, model_id, answers, failed_attempts, tokens_in, tokens_out, cost from howdah.model_usage order by 1, 2`,
    ),
    tools: await all(
      pool,
      'select tenant_id, tool, calls, errors from howdah.tool_performance order by 1, 2',
    ),
  };
}

/** Inserts a run in that month for the first agent with runs in that month. Returns its id. */
export async function runInMonth({ pool }: TestDatabase, month: string): Promise<string> {
  const { id } = await one(
    pool,
    `select (left(howdah.uuid_v7_floor(($1 || '-15')::timestamptz)::text, 23) || right(gen_random_uuid()::text, 13)) as id`,
    [month],
  );
  const { agent_id, tenant_id } = await one(
    pool,
    'select agent_id, tenant_id from howdah.executions where agent_id is not null limit 1',
  );
  return makeRun(pool, { id, agent_id, tenant_id });
}
