import { describe, expect, test } from 'vitest';
import { startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import { eventually } from '../../support/database.ts';
import {
  callTools,
  createLatch,
  type Execution,
  executionOf,
  findViolations,
  insertRun,
  makeAgent,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';
import { database, proxy, setUpProxiedWorker, worker } from '../proxied-worker.ts';

setUpProxiedWorker();

describe('a worker that loses all its connections', () => {
  test('reconnects and finishes its runs', async () => {
    const { pool } = database;
    const script = [
      ...Array.from({ length: 5 }, () => callTools({ name: 'note' })),
      { content: 'done' },
    ];
    const agent = await makeAgent(pool, { script, tools: ['note'] });
    for (let round = 0; round < 4; round += 1) {
      const ids = await Promise.all(Array.from({ length: 10 }, () => insertRun(pool, agent)));
      await eventually(
        pool,
        'one run has begun',
        'select from howdah.steps where execution_id = any ($1)',
        [ids],
      );
      proxy.cutAll();
      const runs = await Promise.all(ids.map((id) => waitForEnd(pool, id)));
      expect(runs.map(({ status }) => status)).toEqual(ids.map(() => 'completed'));
    }
    expect(await findViolations(pool)).toEqual([]);
    await expect.poll(() => worker.inFlight).toBe(0);
  });

  test('claims nothing while it is considered dead', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { script: [{ content: 'done' }] });
    proxy.isDown = true; // existing connections continue, new ones fail
    await terminate('howdah-live');
    await eventually(
      pool,
      'it is known to be dead',
      'select where not exists (select from howdah_private.workers)',
    );
    const id = await insertRun(pool, agent);
    await eventually(
      pool,
      'its wake-up is taken',
      'select from graphile_worker._private_jobs where key = $1 and locked_at is not null',
      [id],
    );
    expect(await executionOf(pool, id)).toMatchObject({ status: 'queued', fence: 0 });
    proxy.isDown = false;
    expect((await waitForEnd(pool, id)).status).toBe('completed');
  });
});

describe('lost presence', () => {
  test('in the middle of a run: the run is dropped and resumed once under a new fence', async () => {
    const { pool } = database;
    const gate = createLatch();
    const slow = await startOpenAiServer(async ({ index }) => {
      if (index === 0) await gate.opened;
      return { content: `answer ${index + 1}` };
    });
    const agent = await makeAgent(pool, { models: [{ provider: 'openai', base_url: slow.url }] });
    const id = await insertRun(pool, agent);
    await expect.poll(() => slow.requests.length).toBe(1);
    const before: Execution = await executionOf(pool, id);
    await terminate('howdah-live');
    await slow.requests[0]?.left; // the worker has disconnected
    const run = await waitForEnd(pool, id);
    gate.open();
    expect(run).toMatchObject({ status: 'completed', output: 'answer 2', model_count: 1 });
    expect(run.fence).toBeGreaterThan(before.fence);
    const [step] = await stepsOf(pool, id);
    expect(step?.worker).not.toBe(before.owner_worker);
    await slow.close();
  });

  test('on every connection, repeatedly: no run is lost', async () => {
    const { pool } = database;
    const script = [
      callTools({ name: 'note' }),
      callTools({ name: 'count_up', arguments: { name: 'again' } }),
      { content: 'done' },
    ];
    const agent = await makeAgent(pool, { script, tools: ['note', 'count_up'] });
    const ids = await Promise.all(Array.from({ length: 30 }, () => insertRun(pool, agent)));
    for (const name of [
      'howdah-worker',
      'howdah-tools',
      'howdah-live',
      'howdah-worker',
      'howdah-live',
    ]) {
      await eventually(
        pool,
        `${name} is connected`,
        'select from pg_stat_activity where application_name = $1 and datname = current_database()',
        [name],
      );
      await terminate(name);
    }
    const runs = await Promise.all(ids.map((id) => waitForEnd(pool, id)));
    expect(runs.map(({ status }) => status)).toEqual(ids.map(() => 'completed'));
    const { rows } = await pool.query(`select value from shop.counters where name = 'again'`);
    expect(rows).toEqual([{ value: 30 }]);
  });
});

async function terminate(applicationName: string): Promise<void> {
  await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = $1`,
    [applicationName],
  );
}
