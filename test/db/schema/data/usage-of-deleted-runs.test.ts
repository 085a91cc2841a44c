import { expect, onTestFinished, test } from 'vitest';
import { migrateDown, migrateUp } from '../../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../../workers/queue/migrate-queue.ts';
import {
  all,
  claim,
  commit,
  completed,
  type Db,
  failed,
  makeAgent,
  makeModel,
  makeRun,
  makeSession,
  makeTenant,
  makeUser,
  makeWorker,
} from '../../../sql/support.ts';
import { createDatabaseOfAllMonths } from '../../../support/database.ts';

// Migration 0048 moves the usage of deleted runs into the rollup, and its down migration takes it
// out again: what the rollup counts beyond the runs that exist.

/** The tables before 0048, and the same figures of runs that still exist. */
const TABLES: Record<string, { stored: string; direct: string }> = {
  runs: {
    stored: `select agent_id, sum(runs)::int as runs, sum(completed)::int as completed, sum(failed)::int as failed,
        sum(roots)::int as roots, sum(steps)::int as steps, sum(tokens_in)::int as tokens, sum(cost)::float as cost
      from howdah.deleted_run_usage group by 1 order by 1`,
    direct: `select agent_id, count(*)::int as runs, count(*) filter (where status = 'completed')::int as completed,
        count(*) filter (where status = 'failed')::int as failed, count(*)::int as roots, sum(step_count)::int as steps,
        sum(tokens_in)::int as tokens, sum(cost)::float as cost
      from howdah.executions where id = any ($1) group by 1 order by 1`,
  },
  steps: {
    stored: `select kind, model_id, tool, sum(steps)::int as steps, sum(errors)::int as errors, sum(tokens_in)::int as tokens,
        sum(cost)::float as cost, sum(cached_tokens)::int as cached
      from howdah.deleted_step_usage group by 1, 2, 3 order by 1, 2, 3`,
    direct: `select kind, model_id, case kind when 'tool' then name end as tool, count(*)::int as steps,
        count(error)::int as errors, sum(tokens_in)::int as tokens, sum(cost)::float as cost,
        coalesce(sum((output #> '{usage,cached_tokens}')::int) filter (where kind = 'model'), 0)::int as cached
      from howdah.steps where execution_id = any ($1) and kind in ('model', 'tool') group by 1, 2, 3 order by 1, 2, 3`,
  },
  subjects: {
    stored: `select scope::text, subject_id, sum(roots)::int as roots, sum(tokens)::int as tokens, sum(cost)::float as cost
      from howdah_private.deleted_subject_usage group by 1, 2 order by 1, 2`,
    direct: `select s.scope, s.id as subject_id, count(*)::int as roots, sum(e.tokens_in + e.tokens_out)::int as tokens,
        sum(e.cost)::float as cost
      from howdah.executions as e cross join lateral (values ('user', e.user_id), ('session', e.session_id)) as s (scope, id)
      where e.id = any ($1) and s.id is not null group by 1, 2 order by 1, 2`,
  },
};

async function figures(db: Db, which: 'stored' | 'direct', values?: unknown[]): Promise<object> {
  const found: Record<string, object[]> = {};
  for (const [name, texts] of Object.entries(TABLES)) {
    found[name] = (await all(db, texts[which], values)).map((row) => ({
      ...row,
      cost: Number(row.cost).toFixed(9),
    }));
  }
  return found;
}

/** Creates limits for whoever used something, and returns their first counters. */
async function usedByLimits(db: Db, tenant_id: string): Promise<object[]> {
  await db.query('delete from howdah.limits');
  await db.query('delete from howdah_private.limit_counters');
  await db.query(
    `insert into howdah.limits (tenant_id, scope, metric, period, max_value)
     select $1, s.scope, m.metric, p.period, 1000000
     from unnest('{tenant,user,agent,session}'::howdah.limit_scope[]) as s (scope)
     cross join unnest('{runs,tokens,cost}'::howdah.limit_metric[]) as m (metric)
     cross join unnest('{month,null}'::howdah.limit_period[]) as p (period)`,
    [tenant_id],
  );
  return all(
    db,
    `select l.scope, l.metric, l.period, c.subject_id, sum(c.used)::float as used
     from howdah.limits as l join howdah_private.limit_counters as c on c.limit_id = l.id
     group by 1, 2, 3, 4 order by 1, 2, 3, 4`,
  );
}

test('migrations down and up keep the usage of deleted runs, beside runs that exist', async () => {
  const db = await createDatabaseOfAllMonths();
  onTestFinished(() => db.drop());
  const worker = await makeWorker(db.pool);
  const tenant_id = await makeTenant(db.pool);
  const agents = [await makeAgent(db.pool, { tenant_id }), await makeAgent(db.pool, { tenant_id })];
  const model_id = await makeModel(db.pool, { tenant_id, input_price: 2.5, output_price: 10 });
  const { id: user_id } = await makeUser(db.pool, { tenant_id });
  const session_id = await makeSession(db.pool, { tenant_id });
  const usage = { kind: 'model', model_id, tokens_in: 100, tokens_out: 10 };
  const steps = [
    { ...usage, output: { usage: { cached_tokens: 7 } } },
    { kind: 'tool', name: 'look_up', call_id: 'a', effect: 'pure' },
    { kind: 'tool', name: 'look_up', call_id: 'b', effect: 'pure', error: { code: 'timeout' } },
  ];
  const ids: string[] = [];
  for (let n = 0; n < 8; n += 1) {
    const columns = { ...(n % 2 && { user_id }), ...(n % 3 === 0 && { session_id }) };
    const id = await makeRun(db.pool, { tenant_id, agent_id: agents[n % 2], ...columns });
    const [run] = await claim(db.pool, worker, [id]);
    const fence = run?.fence as number;
    const to = { ...(n === 4 ? failed : completed) };
    await commit(db.pool, worker, [{ id, fence, after: 0, steps: steps as never, to }]);
    ids.push(id);
    if (n === 5) await db.pool.query('select howdah_private.count_usage()'); // 6 and 7 wait
  }
  // 4 stays as a retried run that is live, and 5 as one that has ended
  await db.pool.query('select howdah.retry_execution($1)', [ids[4]]);
  const gone = [0, 1, 2, 3, 6].map((n) => ids[n]);
  const direct = await figures(db.pool, 'direct', [gone]);
  await db.pool.query('select howdah_private.delete_runs($1)', [gone]);
  const limits = await usedByLimits(db.pool, tenant_id);
  const views = () =>
    all(
      db.pool,
      `select agent, runs, completed, failed, steps, tokens_in, cost from howdah.daily_usage order by 1`,
    );
  const seen = await views();
  expect(limits).toHaveLength(30);

  while ((await migrateDown(db.url, false))[0] !== '0048_one_rollup_of_usage');
  expect(await figures(db.pool, 'stored')).toEqual(direct);

  await migrateUp(db.url, migrateQueue);
  expect(await views()).toEqual(seen);
  expect(await usedByLimits(db.pool, tenant_id)).toEqual(limits);

  // a database without the rollup, as of the previous release
  while ((await migrateDown(db.url, false))[0] !== '0042_usage_rollup');
  await migrateUp(db.url, migrateQueue);
  expect(await usedByLimits(db.pool, tenant_id)).toEqual(limits);
  expect(await views()).toEqual(seen);
});
