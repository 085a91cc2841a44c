import { beforeEach, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { gradeRuns } from '../../support/work/grade-runs.ts';
import {
  all,
  asRole,
  committed,
  completed,
  failed,
  finish,
  makeAgent,
  makeRun,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  takeRole,
  type User,
} from '../support.ts';

// howdah.quality_by_day: the graded results of each day, version and grader.

const db = testDatabase();
let tenant: string;
let agentId: string;
let worker: string;
let member: User;

beforeEach(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  agentId = await makeAgent(db.pool, { tenant_id: tenant, name: 'clerk' });
  member = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
  await db.pool.query(
    `with made as (insert into howdah.datasets (tenant_id, name) values ($1, 'sums') returning id),
     graded as (
       insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
       select $1, id, g.name, 'regex', g.configuration::jsonb from made cross join (
         values ('short', '{"pattern": "^.{1,9}$"}'), ('polite', '{"pattern": "please"}')
       ) as g (name, configuration))
     insert into howdah.dataset_items (tenant_id, dataset_id, input)
     select $1, id, 'question ' || n from made cross join generate_series(1, 2) as n`,
    [tenant],
  );
});

const asMember = <T extends object>(text: string, values: unknown[] = []) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': tenant,
      'howdah.user_id': member.id,
    });
    return all<T & Record<string, unknown>>(client, text, values);
  });

/** Evaluates the items, and answers each run with the next output. Null fails a run. */
async function evaluate(options: string, ...outputs: (string | null)[]): Promise<string> {
  const [row] = await asMember<{ id: string }>(
    `select id from howdah.evaluate('sums', 'clerk'${options})`,
  );
  const runs = await all(
    db.pool,
    `select execution_id from howdah.evaluation_results where evaluation_id = $1
     order by repeat, item_id`,
    [row?.id],
  );
  for (const [at, { execution_id }] of runs.entries()) {
    const output = outputs[at] ?? null;
    await finish(
      db.pool,
      worker,
      execution_id,
      output === null ? failed : { ...completed, output },
    );
  }
  await gradeRuns(db.pool);
  return row?.id ?? '';
}

const quality = (condition = 'true') =>
  asMember(
    `select day::text, dataset, agent, version, source, grader, results::int, passed::int,
       pass_rate, pass_rate_low, pass_rate_high, score, cost::float, cost_per_pass::float
     from howdah.quality_by_day where ${condition} order by day, version, source, grader nulls first`,
  );
const TODAY = new Date().toISOString().slice(0, 10);

test('counts whole results and the scores of each grader', async () => {
  await evaluate('', 'please', 'go away');
  await db.pool.query('update howdah.evaluation_results set cost = 0.5 where tenant_id = $1', [
    tenant,
  ]);
  const rows = await quality();
  const shared = { day: TODAY, dataset: 'sums', agent: 'clerk', version: 1, source: 'items' };
  expect(rows).toMatchObject([
    {
      ...{ ...shared, grader: null, results: 2, passed: 1, pass_rate: 0.5, score: 0.75 },
      ...{ cost: 1, cost_per_pass: 1 },
    },
    { ...shared, grader: 'polite', results: 2, passed: 1, pass_rate: 0.5, cost: 0 },
    { ...shared, grader: 'short', results: 2, passed: 2, pass_rate: 1, score: 1 },
  ]);
  const { low, high } = await one(
    db.pool,
    'select * from howdah_private.pass_rate_interval(0.5, 2)',
  );
  expect(rows[0]).toMatchObject({ pass_rate_low: low, pass_rate_high: high });
});

test('counts repeats of an item as one in its interval, and a failed run as not passed', async () => {
  await evaluate(', repeat => 2', 'please', 'please', 'please', null);
  const { low } = await one(db.pool, 'select * from howdah_private.pass_rate_interval(0.75, 2)');
  expect(await quality('grader is null')).toMatchObject([
    { results: 4, passed: 3, pass_rate: 0.75, pass_rate_low: low },
  ]);
  expect(await quality(`grader = 'polite'`)).toMatchObject([{ results: 3, passed: 3 }]);
});

test('has a row for each version, and none for overrides and cancelled runs', async () => {
  await evaluate('', 'please', 'please');
  await db.pool.query(`update howdah.agents set instruction = 'Be kind.' where id = $1`, [agentId]);
  await evaluate('', 'no', 'no');
  await evaluate(`, overrides => '{"allowed_tools": []}'`, 'no', 'no');
  const [row] = await asMember<{ id: string }>(`select id from howdah.evaluate('sums', 'clerk')`);
  await asMember('select howdah.cancel_evaluation($1)', [row?.id]);
  await gradeRuns(db.pool);
  expect(await quality('grader is null')).toMatchObject([
    { version: 1, results: 2, passed: 2 },
    { version: 2, results: 2, passed: 0, cost_per_pass: null },
  ]);
});

test('has live runs on the day on which they were inserted, also deleted ones', async () => {
  const run = await makeRun(db.pool, { tenant_id: tenant, agent_id: agentId });
  await finish(db.pool, worker, run, { ...completed, output: 'please' });
  await asMember(`select howdah.evaluate_runs('sums', 'clerk')`);
  await gradeRuns(db.pool);
  await evaluate('', 'please', 'please');
  // a run that was inserted some days before it was graded
  await db.pool.query(
    `update howdah.evaluation_results set day = day - 3 where execution_id = $1`,
    [run],
  );
  const { before } = await one(
    db.pool,
    `select (created_at at time zone 'UTC')::date::text as before
     from howdah.executions where id = $1`,
    [run],
  );
  expect(before).toBe(TODAY);
  await db.pool.query(
    'update howdah.evaluation_results set execution_id = null where execution_id = $1',
    [run],
  );
  expect(await quality('grader is null')).toMatchObject([
    { source: 'runs', results: 1, passed: 1 },
    { source: 'items', results: 2, day: TODAY },
  ]);
  expect(await quality(`grader is null and day >= current_date - 1`)).toMatchObject([
    { source: 'items' },
  ]);
});

test('shows users no other tenant, and no agent that is hidden from them', async () => {
  await evaluate('', 'please', 'please');
  const stranger = await makeTenant(db.pool);
  const seenBy = (settings: Record<string, string>) =>
    asRole(db.pool, 'howdah_app', settings, (client) =>
      all(client, 'select agent from howdah.quality_by_day where grader is null'),
    );
  expect(await seenBy({ 'howdah.tenant_id': stranger })).toEqual([]);
  const own = { 'howdah.tenant_id': tenant, 'howdah.user_id': member.id };
  expect(await seenBy(own)).toEqual([{ agent: 'clerk' }]);
  await db.pool.query('update howdah.agents set is_restricted = true where id = $1', [agentId]);
  expect(await seenBy(own)).toEqual([]);
});
