import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  jobsOf,
  makeAgent,
  makeRun,
  makeWorker,
  one,
  openSession,
  runRow,
} from '../support.ts';

describe('offer_runs', () => {
  const db = testDatabase();
  const heard: string[] = [];
  let listener: pg.Client;
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    listener = await openSession(db.url);
    listener.on('notification', ({ payload }) => heard.push(payload ?? ''));
    const { channel } = await one(db.pool, `select howdah_private.channel('due_runs') as channel`);
    await listener.query(`listen "${channel}"`);
  });
  beforeEach(async () => {
    await db.pool.query('delete from howdah_private.workers');
    worker = await makeWorker(db.pool);
    heard.length = 0;
  });
  afterAll(() => listener.end());

  /** Returns the offers since the start of the test. */
  const offers = async () => {
    await listener.query('select'); // notifications arrive before the response
    return heard;
  };
  const insertRuns = async (count: number, columns = '') => {
    const { rows } = await db.pool.query<{ id: string }>(
      `insert into howdah.executions (agent_id, input${columns && ', run_at'})
       select $1, 'ticket ' || n ${columns} from generate_series(1, $2) as n returning id`,
      [agent, count],
    );
    return rows.map(({ id }) => id);
  };
  const claimOffered = (ids: string[], offered: string[]) =>
    all(
      db.pool,
      'select execution_id from howdah_private.claim_executions($1, $2, 1, null, 0, $3)',
      [worker, ids, offered],
    );

  test.each([1, 4])('offers %i due runs of one statement to a live worker', async (count) => {
    const ids = await insertRuns(count);
    const [offer, ...others] = await offers();
    expect(others).toEqual([]);
    expect(offer?.split(' ')[0]).toBe(worker);
    expect(offer?.split(' ').slice(1).sort()).toEqual(ids.sort());
  });

  test('offers neither runs of a backlog nor runs that are due later', async () => {
    await insertRuns(5);
    await insertRuns(1, `, now() + interval '1 hour'`);
    expect(await offers()).toEqual([]);
  });

  test.each([
    ['has a scope', 'only_tenants = array[howdah.current_tenant()]'],
    ['has missed its heartbeats', `heartbeat_at = now() - interval '4 seconds'`],
  ])('offers nothing to a worker that %s', async (_, change) => {
    await db.pool.query(`update howdah_private.workers set ${change}`);
    await insertRuns(1);
    expect(await offers()).toEqual([]);
  });

  test('distributes offers among several workers', async () => {
    const other = await makeWorker(db.pool);
    const served = new Set<string | undefined>();
    await expect
      .poll(async () => {
        await insertRuns(1);
        for (const offer of await offers()) served.add(offer.split(' ')[0]);
        return [...served].sort();
      })
      .toEqual([worker, other].sort());
  });

  test('offers a resumed run', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    await db.pool.query('select howdah.pause_execution($1)', [id]);
    heard.length = 0;
    await db.pool.query('select howdah.resume_execution($1)', [id]);
    expect(await offers()).toEqual([`${worker} ${id}`]);
  });

  test('a claim of an offered run completes its wake-up', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    expect(await jobsOf(db.pool, id)).toHaveLength(1);
    expect(await claimOffered([id], [id])).toEqual([{ execution_id: id }]);
    expect(await jobsOf(db.pool, id)).toEqual([]);
    expect(await runRow(db.pool, id)).toMatchObject({ owner_worker: worker, fence: 1 });
  });

  test('a skipped run gets a new wake-up unless its own is still pending', async () => {
    const [offered, woken] = (await insertRuns(2)) as [string, string];
    await db.pool.query(
      `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'us' where key = $1`,
      [woken],
    );
    const client = await openSession(db.url);
    await client.query('begin');
    await client.query('select from howdah.executions where id = any ($1) for update', [
      [offered, woken],
    ]);
    expect(await claimOffered([offered, woken], [offered])).toEqual([]);
    await client.query('rollback');
    await client.end();
    const keys = await all(
      db.pool,
      'select key from graphile_worker._private_jobs where key like any ($1)',
      [[`${offered}%`, `${woken}%`]],
    );
    expect(keys.map(({ key }) => key).sort()).toEqual([offered, woken, `${woken} again`].sort());
  });
});
