import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent, resultsOf, runToEnd } from '../arrange.ts';

// Feedback that agents give by a tool that calls howdah.give_feedback.

const database = testDatabase();
let worker: Worker;

beforeAll(async () => {
  await database.pool.query(`
    create schema lab;
    grant usage on schema lab to howdah_app;
    create function lab.rate(input text, score float8) returns text language sql as $$
      select concat_ws(' ', f.source, f.is_reward)
      from howdah.executions as e
      cross join lateral howdah.give_feedback(e.id, rate.score) as f
      where e.input = rate.input $$;
    create function lab.report(input text) returns text language sql as $$
      select concat_ws(' ', f.source, coalesce(f.outcome, 'no outcome'))
      from howdah.executions as e
      cross join lateral howdah.give_feedback(e.id, 1, outcome => 'solved') as f
      where e.input = report.input $$;
    create function lab.praise_for(input text, username text) returns text language sql as $$
      select f.created_by from howdah.executions as e
      cross join lateral howdah.give_feedback(e.id, 1, user_id =>
        (select u.id from howdah.users as u where u.username = praise_for.username)) as f
      where e.input = praise_for.input $$;
    select howdah.register_sql_tool('lab.rate(text, float8)'),
      howdah.register_sql_tool('lab.report(text)'),
      howdah.register_sql_tool('lab.praise_for(text, text)');`);
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(1_000);
});

/** Lets an agent run with an input, and call a tool first. Returns the result of the tool. */
async function call(agent: { name: string; arguments: object }, input: string, id?: string) {
  const { pool } = database;
  const script = [callTools(agent as never), { content: 'ok' }];
  const maker = id ?? (await makeAgent(pool, { script, tools: [agent.name] }));
  const run = await runToEnd(pool, maker, input);
  expect(run.status).toBe('completed');
  return { id: run.id, agent: maker, result: (await resultsOf(pool, run.id))[0] };
}
const rate = (input: string, score = 1) => ({ name: 'rate', arguments: { input, score } });
const rewardsOf = async (run: string) =>
  (await database.pool.query('select * from howdah.rewards where execution_id = $1', [run])).rows;

test('an agent that rates its own run, or another run of itself, counts nothing', async () => {
  const own = await call(rate('judge yourself'), 'judge yourself');
  expect(own.result).toBe('agent f');
  const again = await call(rate('judge yourself'), 'judge the earlier run', own.agent);
  expect(again.result).toBe('agent f');
  expect(await rewardsOf(own.id)).toEqual([]);
});

test('another agent counts as an agent, and replaces no vote of a person', async () => {
  const { pool } = database;
  const rated = await call(rate('a question', 0), 'a question');
  const [ada] = (
    await pool.query(`insert into howdah.users (username) values ('ada of feedback') returning id`)
  ).rows;
  await pool.query('select howdah.give_feedback($1, 0.2, user_id => $2)', [rated.id, ada.id]);
  const judge = await call(rate('a question', 0.8), 'judge another');
  expect(judge.result).toBe('agent t');
  expect(await rewardsOf(rated.id)).toMatchObject([
    { votes: 2, person_score: 0.2, agent_score: 0.8, score: (0.2 + 0.5 * 0.8) / 1.5 },
  ]);
});

test('an agent reports no outcome', async () => {
  const report = { name: 'report', arguments: { input: 'call it solved' } };
  const { id, result } = await call(report, 'call it solved');
  expect(result).toBe('agent no outcome');
  expect(await rewardsOf(id)).toEqual([]);
});

test('an agent gives no feedback for a person', async () => {
  await database.pool.query(`insert into howdah.users (username) values ('bob of feedback')`);
  const praise = { input: 'praise me', username: 'bob of feedback' };
  const { id, result } = await call({ name: 'praise_for', arguments: praise }, 'praise me');
  expect(JSON.parse(result ?? '').error).toMatchObject({ details: { sqlstate: 'HWDEN' } });
  expect(await rewardsOf(id)).toEqual([]);
});
