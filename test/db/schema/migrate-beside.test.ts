import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import { migrateUp } from '../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';

// Two releases side by side: a worker continues while another process migrates the schema. Add a
// migration that could break the previous release in `newerRelease`.

const RUNS = 150;

const database = testDatabase();
let worker: Worker;

const ping: CustomTool = {
  name: 'ping',
  description: 'Answers.',
  parameters: { type: 'object', properties: {} },
  run: () => 'pong',
};

beforeAll(async () => {
  worker = await startTestWorker(database.url, { tools: [ping], concurrency: 20 });
  const script = [
    ...Array.from({ length: 4 }, () => ({ tool_calls: [{ name: 'ping' }] })),
    { content: 'done' },
  ];
  await database.pool.query(
    `with model as (
       insert into howdah.models (name, provider, model) values ('script', 'scripted', 'script') returning id
     ), agent as (
       insert into howdah.agents (name, instruction) values ('busy', 'Ping.') returning id
     ), tool as (
       insert into howdah.agent_tools (agent_id, tool_id)
       select a.id, t.id from agent as a, howdah.tools as t where t.name = 'ping'
     )
     insert into howdah.agent_models (agent_id, model_id, request_params)
     select a.id, m.id, jsonb_build_object('script', $1::jsonb) from agent as a, model as m`,
    [JSON.stringify(script)],
  );
});

afterAll(async () => {
  await worker.stop(0);
});

/**
 * Applies the changes of a newer release: a column that the older worker does not know, and every
 * object of sql/ again.
 */
async function newerRelease(round: number): Promise<void> {
  await database.pool.query(`alter table howdah.agents add column release_${round} text`);
  await database.pool.query(`update howdah_private.applied_sql set digest = 'older'`);
  await migrateUp(database.url, migrateQueue);
}

test(`${RUNS} runs continue while the schema is migrated three times beside their worker`, async () => {
  const { pool } = database;
  await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('busy'), 'run ' || i from generate_series(1, $1) as i`,
    [RUNS],
  );
  for (const round of [1, 2, 3]) {
    await eventually(
      pool,
      'some more runs have ended',
      'select 1 from howdah.executions having count(completed_at) >= $1',
      [round * 25],
    );
    await newerRelease(round);
  }
  await eventually(
    pool,
    'all runs have ended',
    'select 1 from howdah.executions having count(*) = count(completed_at)',
    [],
    60_000,
  );
  const { rows } = await pool.query(
    'select status, step_count, count(*)::int as runs from howdah.executions group by 1, 2',
  );
  expect(rows).toEqual([{ status: 'completed', step_count: 10, runs: RUNS }]);
  expect((await pool.query('select * from howdah.check_all()')).rows).toEqual([]);
});
