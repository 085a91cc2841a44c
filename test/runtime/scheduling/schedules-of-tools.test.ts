import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { committed, one, takeRole, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent, waitForEnd } from '../arrange.ts';

// A program does not rate what the tools of its runs start, even once its run is deleted.

const database = testDatabase();
let worker: Worker;
let tenant: string;

beforeAll(async () => {
  await database.pool.query(`
    create schema lab;
    grant usage on schema lab to howdah_app;
    create function lab.plan(name text, agent text) returns void language sql as $$
      insert into howdah.schedules (name, cron, agent_id, input)
      values (plan.name, '0 0 1 1 *', plan.agent::uuid, plan.name) $$;
    select howdah.register_sql_tool('lab.plan(text, text)');`);
  ({ tenant } = await one(database.pool, 'select howdah.current_tenant() as tenant'));
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(1_000);
});

test('a schedule that a tool writes belongs to the program that started the run', async () => {
  const key = await one<{ id: string }>(
    database.pool,
    `select (howdah.create_api_key('planner', 'admin')).id`,
  );
  const withKey = (text: string, values: unknown[]) =>
    committed(database.pool, async (client) => {
      await takeRole(client, 'howdah_app', {
        ...{ 'howdah.tenant_id': tenant, 'howdah.role': 'admin', 'howdah.api_key_id': key.id },
      });
      return one(client, text, values);
    });
  const planned = await makeAgent(database.pool, { script: [{ content: 'ok' }] });
  const name = unique('plan');
  const agent = await makeAgent(database.pool, {
    script: [callTools({ name: 'plan', arguments: { name, agent: planned } }), { content: 'ok' }],
    tools: ['plan'],
  });
  const { id } = await withKey(
    `insert into howdah.executions (agent_id, input) values ($1, 'Plan.') returning id`,
    [agent],
  );
  await waitForEnd(database.pool, id);
  expect(
    await one(database.pool, 'select written_by from howdah.schedules where name = $1', [name]),
  ).toEqual({ written_by: 'API key planner' });
});
