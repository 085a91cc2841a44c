import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import type { Worker } from '../../../../workers/start-worker.ts';
import { createSample } from '../../../console/sample-runs.ts';
import { asRole, makeTenant, refusal } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { startTestApi, until } from '../../harness.ts';
import { call } from '../call.ts';

const db = testDatabase();
let api: ApiServer;
let worker: Worker;

beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
  const sample = await createSample(db.pool);
  const ids = await Promise.all([
    sample.run('support', 'One.'),
    sample.run('support', 'Two.'),
    sample.run('lead', 'Three.'),
  ]);
  await until(async () => {
    const { rows } = await db.pool.query(
      `select count(*)::int as ended from howdah.executions
       where id = any ($1) and status = 'completed'`,
      [ids],
    );
    return rows[0].ended === ids.length;
  });
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

/** Runs the agent to its end. Returns its cost. */
async function runOfSupport(input: string): Promise<number> {
  const { rows } = await db.pool.query(
    `insert into howdah.executions (agent_id, input) values (howdah.agent('support'), $1)
     returning id`,
    [input],
  );
  const read = async () =>
    (
      await db.pool.query(
        `select cost::float8 as cost from howdah.executions where id = $1 and status = 'completed'`,
        [rows[0].id],
      )
    ).rows[0]?.cost as number | undefined;
  await until(async () => (await read()) !== undefined);
  return (await read()) ?? 0;
}

const usage = async (query: string) => (await call(api, 'GET', `/api/usage?${query}`)).body.data;

test.each([
  ['agent', 'agent', 'agent_id is not null'],
  ['model', 'model', 'model_id is not null'],
  ['tool', 'tool', 'tool is not null'],
  ['version', `agent || '@' || version`, 'version is not null'],
  ['user', 'username', 'tool is null'],
  ['day', 'day::text', 'true'],
])('usage by %s is the sum of usage_by_day', async (by, column, condition) => {
  const { rows } = await db.pool.query(
    `select ${column} as value, sum(runs)::int as runs, sum(calls)::int as calls,
       sum(tokens_in)::int as tokens_in, sum(cost)::float as cost
     from howdah.usage_by_day where ${condition} group by 1 order by 5 desc, 1`,
  );
  expect(rows.length).toBeGreaterThan(0);
  expect(await usage(`by=${by}`)).toMatchObject(rows);
});

test('the range is in days of UTC, and both ends belong to it', async () => {
  const { rows } = await db.pool.query(
    'select min(day)::text as first, max(day)::text as last from howdah.usage_by_day',
  );
  const { first: since, last: until } = rows[0];
  const [first] = await usage(`by=tenant&since=${since}&until=${until}`);
  expect(first).toMatchObject({ value: 'default', runs: 4 });
  expect(await usage(`by=tenant&until=${until}`)).toMatchObject([{ runs: 4 }]);
  expect(await usage('by=tenant&until=2020-01-01&since=2019-01-01')).toEqual([]);
  expect((await call(api, 'GET', '/api/usage?since=yesterday')).status).toBe(400);
});

test('SQL and GraphQL have the same sums, and name what they can sum by', async () => {
  const query = '{ usageSummary(by: "agent") { nodes { value runs } } }';
  const answer = await call(api, 'POST', '/graphql', { query });
  const expected = (await usage('by=agent')).map(
    ({ value, runs }: { value: string; runs: number }) => ({
      ...{ value, runs: String(runs) },
    }),
  );
  expect(answer.body.data.usageSummary.nodes).toEqual(expected);
  expect(
    await refusal(db.pool.query(`select * from howdah.usage_summary('colour')`)),
  ).toMatchObject({ code: 'HWINV', detail: '{"field": "by"}' });
});

test('a run counts for the prompt and each skill of the version that it ran', async () => {
  await db.pool.query(
    `insert into howdah.prompts (name, template) values ('polite', 'Be polite.');
     insert into howdah.skills (name, description, content)
     values ('refunds', 'Rules of refunds', 'Refund.'), ('parcels', 'Rules of parcels', 'Send.');
     update howdah.agents set prompt_id = (select id from howdah.prompts) where name = 'support';
     insert into howdah.agent_skills (agent_id, skill_id)
     select howdah.agent('support'), id from howdah.skills`,
  );
  expect(await usage('by=prompt')).toEqual([]); // the earlier runs had none
  const first = await runOfSupport('Four.');
  await db.pool.query(
    `delete from howdah.agent_skills where skill_id = (
       select id from howdah.skills where name = 'parcels');
     update howdah.prompts set name = 'kind'`,
  );
  const second = await runOfSupport('Five.');
  expect(await usage('by=prompt')).toMatchObject([
    { value: 'kind', runs: 2, calls: 6, cost: Number((first + second).toPrecision(12)) },
  ]);
  const bySkill = await usage('by=skill');
  expect(bySkill).toMatchObject([
    { value: 'refunds', runs: 2 },
    { value: 'parcels', runs: 1, cost: first },
  ]);
  const { rows } = await db.pool.query(
    `select value, runs::int from howdah.usage_summary('skill', null, current_date - 1)`,
  );
  expect(rows).toEqual([]); // neither ran before today
  const settings = { 'howdah.tenant_id': await makeTenant(db.pool) };
  const others = await asRole(db.pool, 'howdah_app', settings, (client) =>
    client.query(`select * from howdah.usage_summary('skill')`),
  );
  expect(others.rows).toEqual([]);
});
