import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { randomOf } from '../../../chaos/load/random.ts';
import { testDatabase } from '../../support/database.ts';
import { all, makeAgent, makeRun, makeTenant, makeWorker, one, testClient } from '../support.ts';

describe('fair shares', () => {
  const db = testDatabase();
  let worker: string;
  /** Tenants with an agent each, in the order of their ids. */
  let tenants: { id: string; agent: string }[];

  beforeAll(async () => {
    worker = await makeWorker(db.pool);
    const ids = await Promise.all([1, 2, 3].map(() => makeTenant(db.pool)));
    tenants = [];
    for (const id of ids.toSorted()) {
      tenants.push({ id, agent: await makeAgent(db.pool, { tenant_id: id }) });
    }
  });
  afterEach(async () => {
    await db.pool.query(
      'select howdah.cancel_execution(id) from howdah.executions where completed_at is null',
    );
  });

  const insert = (tenant: number, columns: Record<string, unknown> = {}) =>
    makeRun(db.pool, {
      tenant_id: tenants[tenant]?.id,
      agent_id: tenants[tenant]?.agent,
      ...columns,
    });
  const many = async (tenant: number, count: number) => {
    const ids: string[] = [];
    for (let n = 0; n < count; n += 1) ids.push(await insert(tenant));
    return ids;
  };
  const claim = async (ids: string[], after: string | null = null) =>
    (
      await all(
        db.pool,
        'select execution_id from howdah_private.claim_executions($1, $2, 1, $3)',
        [worker, ids, after],
      )
    ).map((row) => row.execution_id as string);
  /** Returns when the wake-ups of a run are due, and when the run is due. */
  const wakeUps = (id: string) =>
    all(
      db.pool,
      `select j.run_at, replace(j.key, e.id::text, 'run') as key, e.run_at as due
       from graphile_worker._private_jobs as j join howdah.executions as e on j.key like e.id || '%'
       where e.id = $1 order by j.key`,
      [id],
    );

  test('a wake-up claims a run of the tenant with fewer running runs', async () => {
    const [first, second, third] = await many(0, 3);
    expect(await claim([first as string])).toEqual([first]);
    const [other] = await many(1, 1);
    expect(await claim([second as string])).toEqual([other]);
    expect(await claim([third as string])).toEqual([third]);
  });

  test('a run that gave way to another tenant gets a new wake-up', async () => {
    const [first, second] = await many(0, 2);
    await claim([first as string]);
    await db.pool.query(
      `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'test' where key = $1`,
      [second],
    ); // as during its handler's claim
    const [other] = await many(1, 1);
    expect(await claim([second as string])).toEqual([other]);
    const jobs = await wakeUps(second as string);
    expect(jobs.map(({ key }) => key)).toEqual(['run', 'run again']);
    expect(jobs[1]?.run_at).toEqual(jobs[1]?.due);
    expect(await wakeUps(other as string)).toEqual([]); // removed, because the run has started
    expect(await claim([second as string, other as string])).toEqual([second]);
  });

  test('among equal tenants, the tenant after the last one served is next', async () => {
    const named = await many(0, 3);
    const [second, third] = [await many(1, 2), await many(2, 2)];
    const served: (string | undefined)[] = [];
    let after: string | null = null;
    for (const id of named) {
      const [got] = await claim([id], after);
      const run = await one(db.pool, 'select tenant_id from howdah.executions where id = $1', [
        got,
      ]);
      after = run.tenant_id;
      served.push(got);
      await db.pool.query('select howdah.cancel_execution($1)', [got]);
    }
    expect(served).toEqual([named[0], second[0], third[0]]);
  });

  test('claims for several wake-ups in one call are split evenly between tenants', async () => {
    const named = await many(0, 6);
    await many(1, 6);
    const got = await claim(named);
    const { rows } = await db.pool.query(
      'select tenant_id, count(*)::int as runs from howdah.executions where id = any ($1) group by 1 order by 1',
      [got],
    );
    expect(rows).toEqual([
      { tenant_id: tenants[0]?.id, runs: 3 },
      { tenant_id: tenants[1]?.id, runs: 3 },
    ]);
  });

  test('runs of one tenant are ordered by priority, then age; later runs hide nothing', async () => {
    const named = await many(0, 3);
    await claim([named[0] as string]);
    await insert(1, { priority: -5, run_at: '2099-01-01' });
    const old = await insert(1, { priority: 0 });
    const urgent = await insert(1, { priority: -1 });
    expect(await claim([named[1] as string])).toEqual([urgent]);
    await db.pool.query('select howdah.cancel_execution($1)', [urgent]);
    expect(await claim([named[1] as string])).toEqual([old]);
  });

  test('a claim succeeds while many later runs precede every due run', async () => {
    for (const tenant of [0, 1]) {
      for (let priority = 0; priority < 20; priority += 1) {
        await insert(tenant, { priority, run_at: '2999-01-01' });
      }
    }
    const due = await insert(2);
    expect(await claim([due])).toEqual([due]);
  });

  test('runs due later, of any number of priorities, do not hide another tenant', async () => {
    const [named, second] = await many(0, 2);
    await claim([named as string]);
    for (const tenant of [0, 1]) {
      for (let priority = 0; priority < 20; priority += 1) {
        await insert(tenant, { priority, run_at: '2999-01-01' });
      }
    }
    const due = await insert(2);
    expect(await claim([second as string])).toEqual([due]);
  });

  test('a tenant with one urgent run keeps its share for its other runs', async () => {
    const named = await many(0, 6);
    const urgent = await insert(1, { priority: -1 });
    const [first, second] = [await insert(1, { priority: 3 }), await insert(1, { priority: 5 })];
    const got = await claim(named);
    const ofOther = got.filter((id) => !named.includes(id));
    expect(got).toHaveLength(6);
    expect(ofOther.toSorted()).toEqual([urgent, first, second].toSorted());
  });

  test('a run with an expired timer counts as due, one with a pending timer does not', async () => {
    const named = await many(0, 3);
    await claim([named[0] as string]);
    const timed = await insert(1);
    await claim([timed]);
    await db.pool.query('select howdah_private.release_executions($1, $2, false)', [
      worker,
      [timed],
    ]);
    const park = (wakeAt: string) =>
      db.pool.query(
        `update howdah.executions set status = 'waiting', waiting_for = 'timer', wake_at = $2 where id = $1`,
        [timed, wakeAt],
      );
    await db.pool.query(`update howdah.executions set status = 'paused' where id = $1`, [timed]);
    await park('2099-01-01');
    expect(await claim([named[1] as string])).toEqual([named[1]]);
    await park('2020-01-01');
    expect(await claim([named[2] as string])).toEqual([timed]);
  });

  test('the run of the wake-up is claimed when the preferred run of another tenant is locked', async () => {
    const named = await many(0, 2);
    await claim([named[0] as string]);
    const [other] = await many(1, 1);
    const client = await testClient(db.pool);
    await client.query('begin');
    await client.query('select from howdah.executions where id = $1 for no key update', [other]);
    expect(await claim([named[1] as string])).toEqual([named[1]]);
    await client.query('rollback');
  });

  test('weight 3 entitles a tenant to three times as many runs as weight 1, from the next claim', async () => {
    const named = await many(0, 12);
    await many(1, 12);
    const running = async () =>
      (
        await all(
          db.pool,
          `select count(*)::int as runs from howdah.executions where status = 'running' and tenant_id = any ($1)
           group by tenant_id order by tenant_id`,
          [tenants.map(({ id }) => id)],
        )
      ).map(({ runs }) => runs);
    await claim(named.slice(0, 4));
    expect(await running()).toEqual([2, 2]);
    const weigh = (weight: number) =>
      db.pool.query('update howdah.tenants set weight = $2 where id = $1', [
        tenants[1]?.id,
        weight,
      ]);
    await weigh(3);
    try {
      await claim(named.slice(4, 8));
      expect(await running()).toEqual([2, 6]);
      await db.pool.query(
        'select execution_id from howdah_private.claim_executions($1, $2, 1, null, 4)',
        [worker, []],
      ); // with room for four
      expect(await running()).toEqual([3, 9]);
    } finally {
      await weigh(1);
    }
  });

  test('only an owner of the database sets tenant weights, from 1 to 1000', async () => {
    for (const weight of [0, -1, 1001]) {
      await expect(
        db.pool.query('update howdah.tenants set weight = $2 where id = $1', [
          tenants[0]?.id,
          weight,
        ]),
      ).rejects.toMatchObject({ constraint: 'weight_is_from_1_to_1000' });
    }
    const { rows } = await db.pool.query(
      `select has_column_privilege('howdah_app', 'howdah.tenants', 'weight', 'update') as may`,
    );
    expect(rows[0].may).toBe(false);
  });

  test('one wake-up claims one run, however many tenants wait', async () => {
    const [named] = await many(0, 1);
    await many(1, 2);
    await many(2, 2);
    expect(await claim([named as string], tenants[0]?.id)).toHaveLength(1);
    expect(await claim(['019a0000-0000-7000-8000-000000000001'])).toEqual([]);
  });

  test('shares() returns running runs per tenant and whether more are due', async () => {
    const held = await many(0, 3);
    await claim(held);
    await many(1, 1);
    const rows = await all(db.pool, 'select * from howdah_private.shares(null, $1)', [
      [tenants[0]?.id],
    ]);
    expect(rows.toSorted((a, b) => b.at_work - a.at_work)).toEqual([
      { tenant_id: tenants[0]?.id, at_work: 3, due: false, other_workers: 0, weight: 1 },
      { tenant_id: tenants[1]?.id, at_work: 0, due: true, other_workers: 0, weight: 1 },
    ]);
  });

  describe('a worker with free slots', () => {
    const claimWithRoom = async (ids: string[], room: number) =>
      (
        await all(
          db.pool,
          'select execution_id from howdah_private.claim_executions($1, $2, 1, null, $3) order by 1',
          [worker, ids, room],
        )
      ).map((row) => row.execution_id as string);

    test('claims runs before their wake-ups fire and removes those wake-ups', async () => {
      const ids = await many(0, 5);
      expect(await claimWithRoom([ids[0] as string], 3)).toEqual(ids.slice(0, 4));
      const left = await Promise.all(ids.map(async (id) => (await wakeUps(id)).length));
      expect(left).toEqual([1, 0, 0, 0, 1]); // the first wake-up is the one that claims
    });

    test('claims only due runs, by priority', async () => {
      const [named] = await many(0, 1);
      const [late] = [await insert(0, { run_at: '2999-01-01' })];
      const slow = await insert(0, { priority: 5 });
      const fast = await insert(0, { priority: -5 });
      expect(await claimWithRoom([named as string], 1)).toEqual([named, fast].toSorted());
      expect(await claimWithRoom([], 5)).toEqual([slow]);
      expect(await wakeUps(late as string)).toHaveLength(1);
    });

    test('fills its slots from the tenants with the fewest running runs', async () => {
      await claim(await many(0, 2));
      const [waiting, others, third] = [await many(0, 4), await many(1, 4), await many(2, 1)];
      const claimed = await claimWithRoom([], 6);
      const of = (ids: string[]) => ids.filter((id) => claimed.includes(id)).length;
      // one slot is left over, because the third tenant has only one run
      expect([of(waiting), of(others), of(third)]).toEqual([1, 3, 1]);
    });

    test('claims runs of a tenant by priority, then by due time, whether queued or timed', async () => {
      const timed = await insert(0);
      await claim([timed]);
      await db.pool.query(
        `update howdah.executions set status = 'waiting', waiting_for = 'timer', owner_worker = null,
           active_since = null, run_at = '2020-01-01', wake_at = '2020-01-02' where id = $1`,
        [timed],
      );
      const ids = await many(0, 2);
      await db.pool.query('update howdah.executions set priority = -1 where id = $1', [ids[1]]);
      expect(await claimWithRoom([], 1)).toEqual([ids[1]]);
      expect(await claimWithRoom([], 1)).toEqual([timed]);
      expect(await claimWithRoom([], 5)).toEqual([ids[0]]);
    });

    test('claims no more than its part when there are other workers', async () => {
      const second = await makeWorker(db.pool);
      const ids = await many(0, 6);
      expect(await claimWithRoom([], 6)).toEqual(ids.slice(0, 3));
      await db.pool.query('delete from howdah_private.workers where id = $1', [second]);
    });

    test('respects limits when it claims more runs', async () => {
      const agent = tenants[0]?.agent;
      await db.pool.query(
        `insert into howdah.limits (tenant_id, scope, subject_id, metric, max_value) values ($1, 'agent', $2, 'running_runs', 2)`,
        [tenants[0]?.id, agent],
      );
      const ids = await many(0, 4);
      expect(await claimWithRoom([ids[0] as string], 3)).toEqual(ids.slice(0, 2));
      await db.pool.query('delete from howdah.limits');
    });
  });

  test('free slots are distributed as if assigned one at a time', async () => {
    const random = randomOf('free slots');
    const upTo = (most: number) => random.int(0, most);
    const oneByOne = ({ atWork, weights, slots }: Shares) => {
      const assigned = atWork.map(() => 0);
      const load = (at: number) => ((atWork[at] ?? 0) + (assigned[at] ?? 0)) / (weights[at] ?? 1);
      for (let slot = 0; slot < slots; slot += 1) {
        let next = 0;
        for (let at = 1; at < assigned.length; at += 1) if (load(at) < load(next)) next = at;
        assigned[next] = (assigned[next] ?? 0) + 1;
      }
      return assigned;
    };
    type Shares = { atWork: number[]; weights: number[]; slots: number };
    const cases = Array.from({ length: 300 }, (_, n): Shares => {
      const tenants = Array.from({ length: 2 + upTo(14) });
      const mostWeight = [0, 3, 999][n % 3] as number;
      return {
        atWork: tenants.map(() => upTo(n % 2 === 0 ? 20 : 1_000)),
        weights: tenants.map(() => 1 + upTo(mostWeight)),
        slots: upTo(n % 5 === 0 ? 500 : 40),
      };
    });
    const rows = await all(
      db.pool,
      `select howdah_private.share_slots(array(select jsonb_array_elements_text(c -> 'atWork')::int),
         array(select jsonb_array_elements_text(c -> 'weights')::int), (c ->> 'slots')::int) as shares
       from jsonb_array_elements($1) with ordinality as j (c, place) order by place`,
      [JSON.stringify(cases)],
    );
    expect(rows.map(({ shares }) => shares)).toEqual(cases.map(oneByOne));
  });

  test('no tenant yields slots to a tenant that has reached its own limit', async () => {
    await db.pool.query(
      `insert into howdah.limits (tenant_id, metric, max_value) values ($1, 'running_runs', 1)`,
      [tenants[1]?.id],
    );
    const [held] = await many(1, 2);
    await claim([held as string]);
    const due = async () =>
      (await all(db.pool, 'select tenant_id from howdah_private.shares(null, null) where due')).map(
        ({ tenant_id }) => tenant_id,
      );
    expect(await due()).toEqual([]);
    await db.pool.query('delete from howdah.limits');
    expect(await due()).toEqual([tenants[1]?.id]);
  });

  test.each(['due_tenants', 'other_tenants_queued', 'runs_at_work', 'due_runs'])(
    '%s reads the index of live runs in order and few partitions, also under row-level security',
    async (name) => {
      const { prosrc, proconfig } = await one(
        db.pool,
        `select prosrc, proconfig from pg_proc where proname = $1 and pronamespace = 'howdah_private'::regnamespace`,
        [name],
      );
      expect(proconfig).toContain('enable_sort=off');
      const orders = [...prosrc.matchAll(/order by e\.\w+/g)].map(([order]) => order);
      expect(new Set(orders)).toEqual(new Set(['order by e.status']));
    },
  );
});
