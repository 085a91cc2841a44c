import { describe, expect, test } from 'vitest';
import { loseAnswers } from '../../../chaos/faults/fault-proxy.ts';
import { lockRun } from '../../support/database/run-heads.ts';
import { eventually } from '../../support/database.ts';
import {
  callTools,
  insertQueuedRun,
  insertRun,
  kindsOf,
  makeAgent,
  runToEnd,
  waitForEnd,
} from '../arrange.ts';
import {
  database,
  gate,
  gatedCallStarted,
  proxy,
  recordedCalls,
  server,
  setUpProxiedWorker,
  worker,
} from '../proxied-worker.ts';

setUpProxiedWorker();

describe('a commit whose answer is lost', () => {
  test('is found in the log: one step, no second model request', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
    const requestsBefore = server.requests.length;
    const answers = loseAnswers(proxy, /commit_steps/);
    const id = await insertRun(pool, agent);
    const run = await waitForEnd(pool, id);
    await expect.poll(() => answers.lostCount()).toBe(1);
    expect(run).toMatchObject({ status: 'completed', output: 'heard', model_count: 1 });
    await expect.poll(() => worker.inFlight).toBe(0);
    expect(await kindsOf(pool, id)).toBe('model output');
    expect(server.requests.length - requestsBefore).toBe(1);
  });

  test('in the middle of a run: the same worker continues under the same fence', async () => {
    const { pool } = database;
    const script = [callTools({ name: 'note' }), callTools({ name: 'note' }), { content: 'done' }];
    const agent = await makeAgent(pool, { script, tools: ['note'] });
    const before = recordedCalls.length;
    const answers = loseAnswers(proxy, /commit_steps/, 3);
    const id = await insertRun(pool, agent);
    const run = await waitForEnd(pool, id);
    expect(run).toMatchObject({ status: 'completed', fence: 1 });
    expect(answers.lostCount()).toBe(3);
    expect(await kindsOf(pool, id)).toBe('model tool model tool model output');
    expect(recordedCalls.length - before).toBe(2);
  });

  test('by a SQL tool: effect and step are stored once', async () => {
    const { pool } = database;
    const script = [
      callTools({ name: 'count_up', arguments: { name: 'unknown' } }),
      { content: 'ok' },
    ];
    const agent = await makeAgent(pool, { script, tools: ['count_up'] });
    const answers = loseAnswers(proxy, /^Q.{4}commit\0/s);
    const id = await insertRun(pool, agent);
    expect((await waitForEnd(pool, id)).status).toBe('completed');
    expect(answers.lostCount()).toBe(1);
    expect(await kindsOf(pool, id)).toBe('model tool model output');
    const { rows } = await pool.query(`select value from shop.counters where name = 'unknown'`);
    expect(rows).toEqual([{ value: 1 }]);
  });

  test('by one of several parallel SQL tools: effects and steps are stored once', async () => {
    const { pool } = database;
    const names = ['first', 'second', 'third'];
    const script = [
      callTools(...names.map((name) => ({ name: 'count_up', arguments: { name } }))),
      { content: 'ok' },
    ];
    const agent = await makeAgent(pool, { script, tools: ['count_up'] });
    const answers = loseAnswers(proxy, /^Q.{4}commit\0/s);
    const id = await insertRun(pool, agent);
    expect((await waitForEnd(pool, id)).status).toBe('completed');
    expect(answers.lostCount()).toBe(1);
    expect(await kindsOf(pool, id)).toBe('model tool tool tool model output');
    const { rows } = await pool.query('select value from shop.counters where name = any ($1)', [
      names,
    ]);
    expect(rows).toEqual([{ value: 1 }, { value: 1 }, { value: 1 }]);
  });

  test('and is still in flight: the retry waits for it and agrees', async () => {
    const { pool } = database;
    const script = [callTools({ name: 'gated' }), { content: 'done' }];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['gated'] }));
    await gatedCallStarted.opened;
    const holder = await pool.connect();
    await holder.query('begin');
    await lockRun(holder, id);
    let cuts = 0;
    proxy.toServer = (chunk, { client, server }) => {
      if (cuts > 0 || !chunk.includes('commit_steps')) return 'pass';
      cuts += 1;
      // sent; the client sees its connection break
      server.write(chunk, () => client.resetAndDestroy());
      return 'drop';
    };
    gate.open();
    await eventually(
      pool,
      'both commits wait for the row',
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
         and query ~ 'commit_steps' having count(*) = 2`,
    );
    await holder.query('commit');
    holder.release();
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', fence: 1 });
    expect(await kindsOf(pool, id)).toBe('model tool model output');
  });
});

describe('a claim whose answer is lost', () => {
  test('does not leave the run claimed without an owner', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { script: [{ content: 'done' }] });
    const answers = loseAnswers(proxy, /claim_executions/);
    const id = await insertRun(pool, agent);
    expect((await waitForEnd(pool, id)).status).toBe('completed');
    expect(answers.lostCount()).toBe(1);
    expect(await kindsOf(pool, id)).toBe('model output');
  });
});

describe('a wake-up whose answer is lost', () => {
  test('does not leave its job locked for hours', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { script: [{ content: 'done' }] });
    const isJob = /"id" : "/; // the payload of a wake-up on its way to the queue
    let cuts = 0;
    proxy.toClient = (chunk) => {
      if (cuts > 0 || !isJob.test(chunk.toString('latin1'))) return 'pass';
      cuts += 1;
      return 'cut';
    };
    const run = await waitForEnd(pool, await insertQueuedRun(pool, agent));
    expect([run.status, cuts]).toEqual(['completed', 1]);
  });

  test('on completion of a job: the queue shuts down and is restarted', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { script: [{ content: 'done' }] });
    const { rows: before } = await pool.query('select pool_id from howdah_private.workers');
    const answers = loseAnswers(proxy, /complete_job/);
    await waitForEnd(pool, await insertQueuedRun(pool, agent));
    await expect.poll(() => answers.lostCount()).toBe(1);
    await eventually(
      pool,
      'another pool takes wake-ups',
      'select from howdah_private.workers having array_agg(pool_id) <> $1',
      [before.map(({ pool_id }) => pool_id)],
    );
    expect((await runToEnd(pool, agent)).status).toBe('completed');
  });
});
