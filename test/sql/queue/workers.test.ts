import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually, testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  asRole,
  claim,
  commit,
  isBlocked,
  jobsOf,
  makeAgent,
  makeRun,
  makeWorker,
  one,
  openSession,
  refusal,
  rolledBack,
  runRow,
  startWorkerSession,
  testClient,
} from '../support.ts';

describe('presence of workers', () => {
  const db = testDatabase();
  let agent: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
  });
  afterEach(() => db.pool.query('delete from howdah_private.workers'));

  const reap = async (patience = '10 seconds') =>
    (await all(db.pool, 'select * from howdah_private.reap_workers($1)', [patience])).map(
      (row) => row.reap_workers,
    );
  const heal = async (patience = '10 seconds') =>
    (await one(db.pool, 'select howdah_private.repair_queue($1) as healed', [patience])).healed;
  const started = async (worker: string) => {
    const id = await makeRun(db.pool, { agent_id: agent });
    await claim(db.pool, worker, [id]);
    return id;
  };
  /** Locks a job as Graphile Worker does. */
  const lockJob = (id: string, poolId: string) =>
    db.pool.query(
      `update graphile_worker._private_jobs set locked_at = now(), locked_by = $2, attempts = 1 where key = $1`,
      [id, poolId],
    );

  test('a released run is queued with a wake-up and a new fence, without counting a crash', async () => {
    const worker = await makeWorker(db.pool);
    const [mine, other] = [await started(worker), await started(worker)];
    const { released } = await one(
      db.pool,
      'select howdah_private.release_executions($1, $2, false) as released',
      [worker, [mine]],
    );
    expect(released).toBe(1);
    expect(await runRow(db.pool, mine)).toMatchObject({
      status: 'queued',
      owner_worker: null,
      fence: 2,
      crashes_without_progress: 0,
      active_since: null,
    });
    expect(await runRow(db.pool, other)).toMatchObject({ status: 'running', owner_worker: worker });
    expect(await jobsOf(db.pool, mine)).toHaveLength(1);
    expect(
      await commit(db.pool, worker, [{ id: mine, fence: 1, after: 0, steps: [answer] }]),
    ).toMatchObject([{ outcome: 'stale' }]);
  });

  test('a worker cannot release a run of another worker', async () => {
    const [worker, other] = [await makeWorker(db.pool), await makeWorker(db.pool)];
    const id = await started(other);
    const { released } = await one(
      db.pool,
      'select howdah_private.release_executions($1, $2, false) as released',
      [worker, [id]],
    );
    expect(released).toBe(0);
    expect(await runRow(db.pool, id)).toMatchObject({ owner_worker: other, fence: 1 });
  });

  test('a release leaves out runs that are claimed while it waits, to keep the order of locks', async () => {
    const worker = await makeWorker(db.pool);
    const parent = await started(worker);
    const child = await makeRun(db.pool, { agent_id: agent, parent_execution_id: parent });
    await claim(db.pool, worker, [child]);
    const [holder, releaser] = [await openSession(db.url), await openSession(db.url)];
    try {
      await holder.query('begin');
      await holder.query('select from howdah.executions where id = $1 for update', [parent]);
      const release = releaser.query(
        'select howdah_private.release_executions($1, null, true) as released',
        [worker],
      );
      await isBlocked(db.pool, releaser);
      const late = await started(worker);
      await holder.query('commit');
      expect((await release).rows).toEqual([{ released: 2 }]);
      expect(await runRow(db.pool, late)).toMatchObject({
        status: 'running',
        owner_worker: worker,
      });
    } finally {
      await Promise.all([holder.end(), releaser.end()]);
    }
  });

  test('releasing with an old fence leaves a newer claim of the same worker alone', async () => {
    const worker = await makeWorker(db.pool);
    const id = await started(worker);
    await db.pool.query('select howdah_private.release_executions($1, $2, false)', [worker, [id]]);
    await claim(db.pool, worker, [id]);
    const release = async (fence: number) =>
      (
        await one(
          db.pool,
          'select howdah_private.release_executions($1, $2, false, $3) as released',
          [worker, [id], fence],
        )
      ).released;
    expect(await release(1)).toBe(0);
    expect(await runRow(db.pool, id)).toMatchObject({ status: 'running', fence: 3 });
    expect(await release(3)).toBe(1);
    expect(await runRow(db.pool, id)).toMatchObject({ status: 'queued', fence: 4 });
  });

  test('a claim unknown to its worker is released, even if the worker remembers an older one', async () => {
    const worker = await makeWorker(db.pool);
    const [known, again] = [await started(worker), await started(worker)];
    await db.pool.query('select howdah_private.release_executions($1, $2, false)', [
      worker,
      [again],
    ]);
    await claim(db.pool, worker, [again]);
    const { released } = await one(
      db.pool,
      'select howdah_private.release_unknown($1, $2, $3) as released',
      [worker, [known, again], [1, 1]],
    );
    expect(released).toBe(1);
    expect(await runRow(db.pool, known)).toMatchObject({ status: 'running', fence: 1 });
    expect(await runRow(db.pool, again)).toMatchObject({ status: 'queued', fence: 4 });
  });

  test('lost_runs reports a claim when the same worker has claimed the run again', async () => {
    const worker = await makeWorker(db.pool);
    const id = await started(worker);
    await db.pool.query('select howdah_private.release_executions($1, $2, false)', [worker, [id]]);
    await claim(db.pool, worker, [id]);
    const lost = (fence: number) =>
      all(db.pool, 'select howdah_private.lost_runs($1, $2, $3) as id', [worker, [id], [fence]]);
    expect(await lost(1)).toEqual([{ id }]);
    expect(await lost(3)).toEqual([]);
  });

  test('a worker that shuts down releases all its runs and unlocks its jobs', async () => {
    const { id: worker, poolId, client } = await startWorkerSession(db.url);
    const run = await started(worker);
    const waiting = await makeRun(db.pool, { agent_id: agent });
    await lockJob(waiting, poolId);
    await client.query('select howdah_private.forget_worker($1)', [worker]);
    await client.end();
    expect(await runRow(db.pool, run)).toMatchObject({
      status: 'queued',
      crashes_without_progress: 1,
    });
    expect(await jobsOf(db.pool, waiting)).toMatchObject([{ is_available: true }]);
    expect(
      await all(db.pool, 'select 1 from howdah_private.workers where id = $1', [worker]),
    ).toEqual([]);
  });

  test('a worker whose session has ended is reaped, one with a live session is not', async () => {
    const dead = await startWorkerSession(db.url);
    const alive = await startWorkerSession(db.url);
    const [lost, surviving] = [await started(dead.id), await started(alive.id)];
    expect(await reap()).toEqual([]);
    await dead.client.end();
    await eventually(
      db.pool,
      'the dead worker is reaped',
      'select * from howdah_private.reap_workers() as worker where worker = $1',
      [dead.id],
    );
    expect(await runRow(db.pool, lost)).toMatchObject({ status: 'queued', fence: 2 });
    expect(await jobsOf(db.pool, lost)).toHaveLength(1);
    expect(await runRow(db.pool, surviving)).toMatchObject({
      status: 'running',
      owner_worker: alive.id,
      fence: 1,
    });
    await alive.client.end();
  });

  test('a dead worker that cannot be removed does not block the removal of others', async () => {
    const stuck = await makeWorker(db.pool);
    const dead = [await makeWorker(db.pool), await makeWorker(db.pool), await makeWorker(db.pool)];
    const id = await started(dead[0] as string);
    await db.pool.query(
      `create function howdah_private.refuse_removal() returns trigger language plpgsql
         set search_path = pg_catalog, pg_temp
         as $$ begin raise exception 'the worker cannot be removed'; end $$;
       create trigger refuse_removal before delete on howdah_private.workers
         for each row when (old.id = '${stuck}')
         execute function howdah_private.refuse_removal()`,
    );
    try {
      const reaped = [...(await reap()), ...(await reap()), ...(await reap())];
      expect(reaped.sort()).toEqual(dead.sort());
      expect(await refusal(reap())).toMatchObject({ code: 'P0001', fields: { workers: [stuck] } });
    } finally {
      await db.pool.query('drop function howdah_private.refuse_removal() cascade');
    }
    expect(await runRow(db.pool, id)).toMatchObject({ status: 'queued' });
    expect(await reap()).toEqual([stuck]);
  });

  test.each([
    ['registered', "interval '23 hours'", 3_600_000],
    ['forgotten', null, 7_200_000],
  ])(
    'time after the last sign of a dead worker that is %s is not active time',
    async (_, ago, expected) => {
      const worker = await makeWorker(db.pool);
      const id = await started(worker);
      await db.pool.query(
        `update howdah.executions set active_since = now() - interval '1 day', updated_at = now() - interval '22 hours' where id = $1`,
        [id],
      );
      await db.pool.query(
        ago === null
          ? 'delete from howdah_private.workers'
          : `update howdah_private.workers set heartbeat_at = now() - ${ago}`,
      );
      if (ago === null) await heal();
      else await reap();
      const { status, active_ms } = await runRow(db.pool, id);
      expect(status).toBe('queued');
      expect(Math.abs(Number(active_ms) - expected)).toBeLessThan(60_000);
    },
  );

  test('a frozen worker is reaped by its heartbeat age and cannot commit afterwards', async () => {
    const { id: worker, client } = await startWorkerSession(db.url);
    const id = await started(worker);
    await db.pool.query(
      `update howdah_private.workers set heartbeat_at = now() - interval '11 seconds' where id = $1`,
      [worker],
    );
    expect(await reap()).toEqual([worker]);
    expect(
      await commit(client, worker, [{ id, fence: 1, after: 0, steps: [answer] }]),
    ).toMatchObject([{ outcome: 'stale' }]);
    expect(await one(client, 'select howdah_private.heartbeat($1) as alive', [worker])).toEqual({
      alive: false,
    });
    expect(await claim(db.pool, await makeWorker(db.pool), [id])).toMatchObject([{ fence: 3 }]);
    await client.end();
  });

  test('a heartbeat in time keeps a worker alive', async () => {
    const { id: worker, client } = await startWorkerSession(db.url);
    await db.pool.query(
      `update howdah_private.workers set heartbeat_at = now() - interval '11 seconds' where id = $1`,
      [worker],
    );
    expect(await one(client, 'select howdah_private.heartbeat($1) as alive', [worker])).toEqual({
      alive: true,
    });
    expect(await reap()).toEqual([]);
    await client.end();
  });

  test('a lock in another database does not keep a worker alive in this one', async () => {
    const worker = await makeWorker(db.pool);
    const server = new URL(db.url);
    server.pathname = '/postgres';
    const { lock_key } = await one(
      db.pool,
      'select lock_key from howdah_private.workers where id = $1',
      [worker],
    );
    const { default: pg } = await import('pg');
    const elsewhere = new pg.Client({ connectionString: server.toString() });
    await elsewhere.connect();
    await elsewhere.query('select pg_advisory_lock(1214871364, $1)', [lock_key]);
    expect(await reap()).toEqual([worker]);
    await elsewhere.end();
  });

  test('foreign advisory locks neither block registration nor keep a dead worker alive', async () => {
    const { last } = await one(
      db.pool,
      `select last_value::int as last from howdah_private.workers_lock_key_seq`,
    );
    await rolledBack(db.pool, async (holder) => {
      await holder.query(
        'select pg_advisory_xact_lock(1214871364, k) from generate_series($1::int, $1::int + 20) as k union all select pg_advisory_xact_lock(1214871364, 0)',
        [last + 1],
      );
      const dead = await startWorkerSession(db.url);
      await dead.client.end();
      const live = await startWorkerSession(db.url);
      await expect.poll(() => reap()).toEqual([dead.id]);
      await live.client.end();
    });
  });

  test('background tasks do not wait for foreign advisory locks', async () => {
    await rolledBack(db.pool, async (holder) => {
      await holder.query(
        `select pg_advisory_xact_lock(1214871364, -1), pg_advisory_xact_lock(1214871364, -2),
           pg_advisory_xact_lock(hashtextextended('howdah.ensure_partitions', 0))`,
      );
      await db.pool.query(
        `insert into howdah.schedules (name, cron, agent_id, input) values ('due', '@daily', $1, 'x')`,
        [agent],
      );
      await db.pool.query(
        `update howdah.schedules set next_at = now() - interval '1 minute' where name = 'due'`,
      );
      await db.pool.query('select howdah_private.run_timers()');
      await db.pool.query('select howdah_private.ensure_partitions()');
      expect(
        await one(
          db.pool,
          `select last_execution_id is not null as fired from howdah.schedules where name = 'due'`,
        ),
      ).toEqual({ fired: true });
    });
  });

  test('each call releases one dead worker', async () => {
    const dead = [await makeWorker(db.pool), await makeWorker(db.pool)];
    const runs = [await started(dead[0] as string), await started(dead[1] as string)];
    const [first, ...others] = await reap();
    expect(others).toEqual([]);
    const statuses = await Promise.all(runs.map(async (id) => (await runRow(db.pool, id)).status));
    expect(statuses.sort()).toEqual(['queued', 'running']);
    expect([first, ...(await reap())].sort()).toEqual(dead.sort());
    expect(await reap()).toEqual([]);
  });

  test('one reaper works at a time; others do nothing', async () => {
    const worker = await makeWorker(db.pool);
    const client = await testClient(db.pool);
    await client.query('begin');
    await client.query('select howdah_private.reap_workers()');
    expect(await reap()).toEqual([]);
    await client.query('rollback');
    expect(await reap()).toEqual([worker]);
  });

  test('of a reaper and a commit in flight, the first one wins', async () => {
    const worker = await makeWorker(db.pool);
    const id = await started(worker);
    const committer = await testClient(db.pool);
    await committer.query('begin');
    await commit(committer, worker, [{ id, fence: 1, after: 0, steps: [answer] }]);
    const reaper = await testClient(db.pool);
    const reaped = all(reaper, 'select * from howdah_private.reap_workers()');
    await isBlocked(db.pool, reaper);
    await committer.query('commit');
    expect(await reaped).toEqual([{ reap_workers: worker }]);
    expect(await runRow(db.pool, id)).toMatchObject({ status: 'queued', fence: 2, step_count: 1 });
  });

  test('a commit that waited for the reaper is stale', async () => {
    const worker = await makeWorker(db.pool);
    const id = await started(worker);
    const reaper = await testClient(db.pool);
    await reaper.query('begin');
    await reaper.query('select howdah_private.reap_workers()');
    const committer = await testClient(db.pool);
    const result = commit(committer, worker, [{ id, fence: 1, after: 0, steps: [answer] }]);
    await isBlocked(db.pool, committer);
    await reaper.query('commit');
    expect(await result).toMatchObject([{ outcome: 'stale' }]);
    expect(await runRow(db.pool, id)).toMatchObject({
      step_count: 0,
      message_count: 1,
      tokens_in: '0',
    });
  });

  test('repair adds a wake-up to a due run without one, and changes no other run', async () => {
    const [lost, fine, later] = [
      await makeRun(db.pool, { agent_id: agent }),
      await makeRun(db.pool, { agent_id: agent }),
      await makeRun(db.pool, { agent_id: agent, run_at: '2099-01-01' }),
    ];
    for (const id of [lost, later]) {
      await db.pool.query('select graphile_worker.remove_job($1)', [id]);
    }
    await heal(); // repairs runs of earlier tests
    expect(await jobsOf(db.pool, lost)).toEqual([]); // the run is too young
    await heal('0 seconds');
    expect(await jobsOf(db.pool, lost)).toHaveLength(1);
    expect(await jobsOf(db.pool, fine)).toHaveLength(1);
    expect(await jobsOf(db.pool, later)).toEqual([]);
    expect(await heal('0 seconds')).toBe(0);
  });

  test('a long queue is repaired in batches that together cover all of it', async () => {
    await heal('0 seconds'); // repairs runs of earlier tests
    const ids = [];
    for (let n = 0; n < 7; n += 1) {
      ids.push(await makeRun(db.pool, { agent_id: agent }));
      await db.pool.query('select graphile_worker.remove_job($1)', [ids[n]]);
    }
    const healed: number[] = [];
    const { live } = await one(
      db.pool,
      `select count(*)::int as live from howdah.executions where status = 'queued'`,
    );
    for (let part = 0; part <= Math.ceil(live / 3); part += 1) {
      healed.push(
        (await one(db.pool, `select howdah_private.repair_queue('0 seconds', 3) as healed`)).healed,
      );
    }
    expect(Math.max(...healed)).toBeLessThanOrEqual(3);
    expect(healed.reduce((sum, count) => sum + count, 0)).toBe(7);
    for (const id of ids) {
      expect(await jobsOf(db.pool, id)).toHaveLength(1);
    }
    await heal('0 seconds'); // ends the round
  });

  test('a job locked by a dead worker is unlocked, one of a live worker is not', async () => {
    const { poolId, client } = await startWorkerSession(db.url);
    const [lost, held] = [
      await makeRun(db.pool, { agent_id: agent }),
      await makeRun(db.pool, { agent_id: agent }),
    ];
    await lockJob(lost, `pool-${randomUUID()}`);
    await lockJob(held, poolId);
    await db.pool.query(
      `update graphile_worker._private_jobs set locked_at = now() - interval '1 minute' where key = $1`,
      [lost],
    );
    await heal('10 seconds');
    const available = async (id: string) => (await jobsOf(db.pool, id))[0]?.is_available;
    expect(await available(lost)).toBe(true);
    expect(await available(held)).toBe(false);
    await client.end();
  });

  test('a job that was replaced while it was worked on is deleted after its worker dies', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    await lockJob(id, `pool-${randomUUID()}`);
    // As after Graphile Worker has replaced the old job: the old job has no key and is not retried.
    await db.pool.query(
      `select graphile_worker.add_job('advance', json_build_object('id', $1::text), job_key => $1)`,
      [id],
    );
    await db.pool.query(
      `update graphile_worker._private_jobs set locked_at = now() - interval '1 minute' where payload ->> 'id' = $1`,
      [id],
    );
    const jobs = () =>
      all(
        db.pool,
        `select key, attempts from graphile_worker._private_jobs where payload ->> 'id' = $1 order by id`,
        [id],
      );
    expect(await jobs()).toMatchObject([
      { key: null, attempts: 25 },
      { key: id, attempts: 0 },
    ]);
    await heal('10 seconds');
    expect(await jobs()).toMatchObject([{ key: id }]);
  });

  test('a worker with another protocol version is rejected', async () => {
    for (const protocol of [0, 2]) {
      await expect(
        db.pool.query(`select howdah_private.register_worker($1, 'pool', 'host', 1, 'test', $2)`, [
          randomUUID(),
          protocol,
        ]),
      ).rejects.toMatchObject({
        code: 'HWCNF',
        message: `the worker speaks protocol ${protocol}, the database speaks protocol 1`,
        detail: JSON.stringify({ known: [1], protocol }).replaceAll(/([:,])/g, '$1 '),
      });
    }
  });

  test('the worker role can call all these functions and reads no table', async () => {
    await asRole(db.pool, 'howdah_worker', {}, async (client) => {
      const worker = randomUUID();
      await client.query('select howdah_private.register_worker($1, $2, $3, 1, $4, 1)', [
        worker,
        'pool',
        'host',
        'test',
      ]);
      for (const call of [
        `howdah_private.heartbeat('${worker}')`,
        `howdah_private.claim_executions('${worker}', '{}', 1, null)`,
        `howdah_private.release_executions('${worker}', null, false)`,
        'howdah_private.repair_queue()',
        'howdah_private.run_timers()',
        'howdah_private.announce(null)',
        'howdah_private.ensure_partitions()',
        `howdah_private.forget_worker('${worker}')`,
        'howdah_private.reap_workers()',
      ]) {
        await client.query(`select * from ${call}`);
      }
    });
    await asRole(db.pool, 'howdah_worker', {}, async (client) => {
      await expect(client.query('select 1 from howdah.executions')).rejects.toThrow(
        /permission denied/,
      );
    });
  });

  test('a live worker does not block the creation of partitions', async () => {
    const { client } = await startWorkerSession(db.url);
    const newest = `select max(inhrelid::regclass::text) as month from pg_inherits
      where inhparent = 'howdah.steps'::regclass`;
    await rolledBack(db.pool, async (other) => {
      await other.query(`set local lock_timeout = '5s'; select howdah_private.ensure_partitions()`);
      const { month } = await one(other, newest);
      await other.query(`drop table ${month}; select howdah_private.ensure_partitions()`);
      expect(await one(other, newest)).toEqual({ month });
    });
    await client.end();
  });
});
