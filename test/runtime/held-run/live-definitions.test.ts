import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';

const RUNS = 100;

const database = testDatabase();
let server: FakeServer;
let workers: Worker[];
const gate = createGate();

beforeAll(async () => {
  server = await startOpenAiServer(async ({ body, left }) => {
    await gate.pass(left);
    const [system] = body.messages as { role: string; content: string }[];
    return { content: `told: ${system?.content}` };
  });
  workers = [
    await startTestWorker(database.url, { openai: server.url }),
    await startTestWorker(database.url, { openai: server.url }),
  ];
  await database.pool.query(`
    update howdah.models set provider = 'openai', model = 'test' where name = 'default';
    insert into howdah.agents (name, instruction) values ('clerk', 'first')`);
});

afterAll(async () => {
  gate.allow(Number.POSITIVE_INFINITY);
  await Promise.all(workers.map((worker) => worker.stop(0)));
  await server.close();
});

const insert = async (count = 1): Promise<string[]> => {
  const { rows } = await database.pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('clerk'), 'run ' || i from generate_series(1, $1) as i returning id`,
    [count],
  );
  return rows.map((row) => row.id);
};

const outputs = async (ids: string[]): Promise<string[]> => {
  await eventually(
    database.pool,
    'the runs have ended',
    `select 1 from howdah.executions where id = any ($1) having count(completed_at) = $2`,
    [ids, ids.length],
  );
  const { rows } = await database.pool.query(
    'select distinct output from howdah.executions where id = any ($1) order by 1',
    [ids],
  );
  return rows.map((row) => row.output);
};

test(`an edit applies to the next insert and to none of ${RUNS} active runs on two workers`, async () => {
  const { pool } = database;
  const before = await insert(RUNS);
  await expect.poll(() => gate.waiting, { timeout: 60_000 }).toBe(RUNS);

  await pool.query(`update howdah.agents set instruction = 'second' where name = 'clerk'`);
  const [after = ''] = await insert();
  await expect.poll(() => gate.waiting, { timeout: 60_000, interval: 1 }).toBe(RUNS + 1);

  gate.allow(RUNS + 1);
  expect(await outputs(before)).toEqual(['told: first']);
  expect(await outputs([after])).toEqual(['told: second']);
});

test('disabled and deleted agents reject the next insert, and active runs continue', async () => {
  const { pool } = database;
  const running = await insert(3);
  await expect.poll(() => gate.waiting, { timeout: 60_000 }).toBe(3);

  await pool.query(`update howdah.agents set is_active = false where name = 'clerk'`);
  await expect(insert()).rejects.toMatchObject({
    code: 'HWCNF',
    message: expect.stringContaining('not active'),
  });
  await pool.query(`update howdah.agents set is_active = true where name = 'clerk'`);
  running.push(...(await insert()));

  await pool.query(`select howdah.delete_agent(howdah.agent('clerk'))`);
  await expect(insert()).rejects.toMatchObject({ code: 'HWNTF' });
  await pool.query(`insert into howdah.agents (name, instruction) values ('clerk', 'reborn')`);
  const [reborn = ''] = await insert();

  gate.allow(5);
  expect(await outputs(running)).toEqual(['told: second']);
  expect(await outputs([reborn])).toEqual(['told: reborn']);
  expect((await pool.query('select * from howdah.check_all()')).rows).toEqual([]);
});
