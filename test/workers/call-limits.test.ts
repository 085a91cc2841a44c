import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../src/contracts/agents/tool.ts';
import type { Worker } from '../../workers/start-worker.ts';
import {
  callTools,
  createLatch,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  waitForEnd,
  waitForStatus,
} from '../runtime/arrange.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { killWorkerProcesses, startWorkerProcess } from './worker-process.ts';

const database = testDatabase();
let gate: ReturnType<typeof createLatch<void>>;
let inTheAir = 0;
let most = 0;
let calls = 0;
const workers: Worker[] = [];
const servers: FakeServer[] = [];

const tool: CustomTool = {
  name: 'slow',
  description: '',
  parameters: { type: 'object' },
  async run() {
    calls += 1;
    inTheAir += 1;
    most = Math.max(most, inTheAir);
    await gate.opened;
    inTheAir -= 1;
    return 'done';
  },
};

beforeEach(() => {
  gate = createLatch<void>();
  inTheAir = 0;
  most = 0;
  calls = 0;
});
afterEach(async () => {
  gate.open();
  await Promise.all(workers.splice(0).map((worker) => worker.stop(0)));
  await Promise.all(servers.splice(0).map((server) => server.close()));
  expect(await findViolations(database.pool)).toEqual([]);
  await database.pool.query('delete from howdah.limits');
});
afterAll(async () => {
  killWorkerProcesses();
});

const startHere = async (openai?: string) => {
  const options = { tools: [tool], concurrency: 20, ...(openai ? { openai } : {}) };
  const worker = await startTestWorker(database.url, options);
  workers.push(worker);
};
const insert = (agent: string, count: number) =>
  Promise.all(Array.from({ length: count }, () => insertRun(database.pool, agent)));
const limitTool = (metric: string, value: number) =>
  database.pool.query(
    `insert into howdah.limits (scope, subject_id, metric, max_value)
     select 'tool', id, '${metric}', $1 from howdah.tools where name = 'slow' and tenant_id = howdah.current_tenant()`,
    [value],
  );
const statusesOf = async (ids: string[]) =>
  new Set(
    (await Promise.all(ids.map((id) => waitForEnd(database.pool, id)))).map((run) => run.status),
  );

describe('a call limit', () => {
  test('of a tool is never exceeded by two workers, and all runs end', async () => {
    await Promise.all([startHere(), startHere()]);
    const script = [callTools({ name: 'slow' }), { content: 'ok' }];
    const agent = await makeAgent(database.pool, { script, tools: ['slow'] });
    await limitTool('running_calls', 3);
    const ids = await insert(agent, 15);
    await expect.poll(() => inTheAir, { timeout: 60_000 }).toBe(3);
    const parked = 'select from howdah_private.parked_runs where subject_id is null';
    await expect
      .poll(async () => (await database.pool.query(parked)).rowCount, { timeout: 60_000 })
      .toBe(12);
    gate.open();
    expect(await statusesOf(ids)).toEqual(new Set(['completed']));
    expect([most <= 3, calls]).toEqual([true, 15]);
    expect((await database.pool.query(parked)).rowCount).toBe(0);
  });

  test('makes the calls of one answer run one after the other, each once', async () => {
    await startHere();
    gate.open();
    const slow = { name: 'slow' };
    const script = [callTools(slow, slow, slow), { content: 'ok' }];
    const agent = await makeAgent(database.pool, { script, tools: ['slow'] });
    await limitTool('running_calls', 1);
    const [id] = await insert(agent, 1);
    expect((await waitForEnd(database.pool, id as string)).status).toBe('completed');
    expect([most, calls]).toEqual([1, 3]);
    expect(await kindsOf(database.pool, id as string)).toBe('model tool tool tool model output');
  });

  test('of a model per minute makes runs wait, and a change of it resumes them', async () => {
    await startHere();
    const agent = await makeAgent(database.pool, { script: [{ content: 'ok' }] });
    await database.pool.query(
      `insert into howdah.limits (scope, subject_id, metric, period, max_value) select 'model', model_id, 'calls', 'minute', 2 from howdah.agent_models where agent_id = $1`,
      [agent],
    );
    const ids = await insert(agent, 2);
    expect(await statusesOf(ids)).toEqual(new Set(['completed']));
    // extends the minute, however slow this machine is
    await database.pool.query(
      `update howdah_private.limited_calls set began_at = now() + interval '1 hour'`,
    );
    const [third] = (await insert(agent, 1)) as [string];
    expect(await waitForStatus(database.pool, third, 'waiting')).toMatchObject({
      waiting_for: 'quota',
    });
    await database.pool.query('update howdah.limits set max_value = 3');
    expect((await waitForEnd(database.pool, third)).status).toBe('completed');
  });

  test('releases what a killed worker used', async () => {
    const { pool } = database;
    const server = await startOpenAiServer(({ index }) =>
      index < 1 ? { stall: 'before_headers' } : { content: 'ok' },
    );
    servers.push(server);
    const victim = await startWorkerProcess(database.url, { openai: server.url });
    const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
    await pool.query(
      `insert into howdah.limits (scope, subject_id, metric, max_value) select 'model', model_id, 'running_calls', 1 from howdah.agent_models where agent_id = $1`,
      [agent],
    );
    const [held] = (await insert(agent, 1)) as [string];
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(1);
    const [parked] = (await insert(agent, 1)) as [string];
    expect(await waitForStatus(pool, parked, 'waiting')).toMatchObject({ waiting_for: 'quota' });
    await startHere(server.url);
    victim.signal('SIGKILL');
    expect(await statusesOf([held, parked])).toEqual(new Set(['completed']));
  });
});
