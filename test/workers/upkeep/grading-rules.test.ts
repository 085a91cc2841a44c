import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';

// The job grade_by_rule: workers find due rules, grade live runs, and store and log failures.

const lines: string[] = [];
const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
const database = testDatabase();
const workers: Worker[] = [];
let dataset: string;

beforeAll(async () => {
  for (let worker = 0; worker < 2; worker += 1) {
    workers.push(await startTestWorker(database.url, { log }));
  }
  const judge = await makeAgent(database.pool, { script: [{ content: '{"score": 1}' }] });
  const { rows } = await database.pool.query(
    `with made as (insert into howdah.datasets (name) values ('live') returning id)
     insert into howdah.graders (dataset_id, name, kind, configuration)
     select m.id, g.name, g.kind::howdah.grader_kind, g.configuration from made as m cross join (
       select 'done' as name, 'regex' as kind, '{"pattern": "done"}'::jsonb as configuration
       union all
       select 'tone', 'rubric', jsonb_build_object('agent', a.name, 'rubric', 'It is polite.')
       from howdah.agents as a where a.id = $1
     ) as g returning dataset_id as id`,
    [judge],
  );
  dataset = rows[0].id;
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop(1_000)));
});

/** Runs a new agent, and returns its id when the run has ended. */
async function runAgent(runs: number): Promise<string> {
  const agent = await makeAgent(database.pool, {
    script: [{ content: 'It is done.' }],
  });
  await database.pool.query(
    `insert into howdah.executions (agent_id, input) select $1, 'go' from generate_series(1, $2)`,
    [agent, runs],
  );
  await eventually(
    database.pool,
    'all runs have ended',
    `select from howdah.executions where agent_id = $1 having bool_and(completed_at is not null)`,
    [agent],
  );
  return agent;
}

async function makeRule(name: string, agent: string): Promise<string> {
  const { rows } = await database.pool.query(
    `insert into howdah.grading_rules (name, dataset_id, agent_id) values ($1, $2, $3) returning id`,
    [name, dataset, agent],
  );
  return rows[0].id;
}

const evaluated = (rule: string) =>
  eventually<{ items: number; totals: object }>(
    database.pool,
    'the rule has graded',
    `select * from howdah.evaluations where grading_rule_id = $1 and status = 'completed'`,
    [rule],
  );

test('workers grade live runs by a rule, each once', async () => {
  const rule = await makeRule('always', await runAgent(3));
  expect(await evaluated(rule)).toMatchObject({ items: 3, totals: { passed: 3 } });
  for (let time = 0; time < 3; time += 1) {
    await database.pool.query(
      `update howdah.grading_rules set next_at = now(), last_at = null where id = $1`,
      [rule],
    );
    await eventually(
      database.pool,
      'the rule was done again',
      'select from howdah.grading_rules where id = $1 and last_at is not null',
      [rule],
    );
  }
  const { rows } = await database.pool.query(
    'select count(*)::int as evaluations from howdah.evaluations where grading_rule_id = $1',
    [rule],
  );
  expect(rows).toEqual([{ evaluations: 1 }]);
});

test('a rule that fails is logged, and stops no other rule', async () => {
  const gone = await runAgent(1);
  const { rows } = await database.pool.query(
    `insert into howdah.grading_rules (name, dataset_id, agent_id, is_active)
     values ('of nobody', $1, $2, false) returning id`,
    [dataset, gone],
  );
  await database.pool.query('select howdah.delete_agent($1)', [gone]);
  await database.pool.query(`update howdah.grading_rules set is_active = true where id = $1`, [
    rows[0].id,
  ]);
  const other = await makeRule('of somebody', await runAgent(1));
  expect(await evaluated(other)).toMatchObject({ items: 1 });
  await eventually(
    database.pool,
    'the failure is stored',
    `select from howdah.grading_rules where id = $1 and last_error ->> 'code' = 'HWNTF'`,
    [rows[0].id],
  );
  await expect
    .poll(() => lines.filter((line) => line.includes(rows[0].id)).map((line) => JSON.parse(line)))
    .toMatchObject([
      {
        level: 40,
        code: 'HWNTF',
        msg: 'a grading rule graded nothing',
        grading_rule_id: rows[0].id,
      },
    ]);
});
