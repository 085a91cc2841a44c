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
  makeModel,
  makeRun,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  takeRole,
  type User,
} from '../support.ts';

// howdah.model_performance: which model did well for which agent.

const db = testDatabase();
let tenant: string;
let agentId: string;
let worker: string;
let member: User;
let models: { large: string; small: string };

beforeEach(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  const model = (name: string) => makeModel(db.pool, { tenant_id: tenant, name });
  models = { large: await model('large'), small: await model('small') };
  agentId = await makeAgent(db.pool, { tenant_id: tenant, name: 'clerk' });
  await useModel('large');
  member = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
});

/** Gives the agent a model, which makes a version. */
const useModel = (name: keyof typeof models) =>
  committed(db.pool, async (client) => {
    await client.query('delete from howdah.agent_models where agent_id = $1', [agentId]);
    await client.query(
      `insert into howdah.agent_models (tenant_id, agent_id, model_id) values ($1, $2, $3)`,
      [tenant, agentId, models[name]],
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

/** Runs the agent to an end. */
async function runTo(end: object, overrides?: object): Promise<string> {
  const id = await makeRun(db.pool, {
    ...{ tenant_id: tenant, agent_id: agentId },
    ...(overrides && { overrides: JSON.stringify(overrides) }),
  });
  await finish(db.pool, worker, id, end as Record<string, unknown>);
  return id;
}

/** Evaluates one item, whose answer passes if it is short. */
async function evaluate(options: string, output: string): Promise<void> {
  const [row] = await asMember<{ id: string }>(
    `select id from howdah.evaluate('sums', 'clerk'${options})`,
  );
  const runs = await all(
    db.pool,
    'select execution_id from howdah.evaluation_results where evaluation_id = $1',
    [row?.id],
  );
  for (const { execution_id } of runs) {
    await finish(db.pool, worker, execution_id, { ...completed, output });
  }
  await gradeRuns(db.pool);
}

const makeDataset = () =>
  db.pool.query(
    `with made as (insert into howdah.datasets (tenant_id, name) values ($1, 'sums') returning id),
     graded as (
       insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
       select $1, id, 'short', 'regex', '{"pattern": "^.{1,9}$"}' from made)
     insert into howdah.dataset_items (tenant_id, dataset_id, input) select $1, id, 'x' from made`,
    [tenant],
  );

const performance = () =>
  asMember(
    `select agent, model, runs::int, completed::int, failed::int, success_rate::float,
       cost_per_run::float, seconds_p50, results::int, passed::int, pass_rate, pass_rate_low,
       pass_rate_high, rated_runs::int, reward
     from howdah.model_performance order by agent, model`,
  );

test('counts the runs of each model and agent, also live and deleted ones', async () => {
  const gone = await runTo(completed);
  await runTo(failed);
  await makeRun(db.pool, { tenant_id: tenant, agent_id: agentId });
  await useModel('small');
  await runTo(completed);
  const { cost } = await one(
    db.pool,
    `select sum(e.cost)::float / 3 as cost from howdah.executions as e
     join howdah.agent_versions as v on v.id = e.agent_version_id
     where e.tenant_id = $1 and v.definition #>> '{models,0,name}' = 'large'`,
    [tenant],
  );
  const expected = [
    { model: 'large', runs: 3, completed: 1, failed: 1, success_rate: 0.5, cost_per_run: cost },
    { model: 'small', runs: 1, completed: 1, failed: 0, success_rate: 1 },
  ].map((row) => ({ ...row, agent: 'clerk', results: 0, pass_rate: null, reward: null }));
  expect(await performance()).toMatchObject(expected);
  expect((await performance())[0]?.seconds_p50).toBeGreaterThanOrEqual(0);
  await db.pool.query('select howdah_private.count_usage()');
  expect(await performance()).toMatchObject(expected);
  await db.pool.query('select howdah_private.delete_runs($1)', [[gone]]);
  expect(await performance()).toMatchObject(expected);
});

test('counts results for the model that an evaluation tried', async () => {
  await makeDataset();
  await evaluate('', 'short');
  await evaluate(`, model => 'small'`, 'far too long');
  await evaluate(`, overrides => '{"allowed_tools": []}'`, 'far too long');
  const { low, high } = await one(db.pool, 'select * from howdah_private.pass_rate_interval(1, 1)');
  expect(await performance()).toMatchObject([
    {
      ...{ model: 'large', runs: 3, results: 1, passed: 1, pass_rate: 1 },
      ...{ pass_rate_low: low, pass_rate_high: high },
    },
    { model: 'small', runs: 0, cost_per_run: null, results: 1, passed: 0, pass_rate: 0 },
  ]);
});

test('has the mean reward of the runs with feedback, by the model of each run', async () => {
  const rate = (run: string, score: number) =>
    asMember('select howdah.give_feedback($1, $2)', [run, score]);
  await rate(await runTo(completed), 1);
  await rate(await runTo(completed), 0.5);
  await rate(await runTo(completed, { model: 'small' }), 0);
  await runTo(completed);
  expect(await performance()).toMatchObject([
    { model: 'large', runs: 4, rated_runs: 2, reward: 0.75 },
    { model: 'small', runs: 0, rated_runs: 1, reward: 0 },
  ]);
});

test('shows users no other tenant, and no agent that is hidden from them', async () => {
  await runTo(completed);
  const seenBy = (settings: Record<string, string>) =>
    asRole(db.pool, 'howdah_app', settings, (client) =>
      all(client, 'select agent from howdah.model_performance'),
    );
  expect(await seenBy({ 'howdah.tenant_id': await makeTenant(db.pool) })).toEqual([]);
  const own = { 'howdah.tenant_id': tenant, 'howdah.user_id': member.id };
  expect(await seenBy(own)).toEqual([{ agent: 'clerk' }]);
  await db.pool.query('update howdah.agents set is_restricted = true where id = $1', [agentId]);
  expect(await seenBy(own)).toEqual([]);
});
