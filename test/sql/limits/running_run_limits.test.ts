import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  admitParked,
  all,
  asRole,
  brokenRules,
  claimOnce,
  commit,
  complete,
  deleteLimits,
  isBlocked,
  makeAgent,
  makeModel,
  makeRuns,
  makeTenant,
  makeWorker,
  one,
  openSession,
  refusal,
  statesOf,
  testClient,
} from '../support.ts';

describe('limits on running runs', () => {
  const db = testDatabase();
  let worker: string;
  let agent: string;
  let tenant: string;

  beforeAll(async () => {
    worker = await makeWorker(db.pool);
    tenant = (await one(db.pool, `select id from howdah.tenants where slug = 'default'`)).id;
  });
  beforeEach(async () => {
    expect(await brokenRules(db.pool)).toEqual([]);
    await deleteLimits(db.pool);
    agent = await makeAgent(db.pool);
  });

  const limit = async (columns: { scope?: string; subject_id?: string; max_value: number }) =>
    (
      await one(
        db.pool,
        `insert into howdah.limits (scope, subject_id, metric, max_value) values ($1, $2, 'running_runs', $3) returning id`,
        [columns.scope ?? 'tenant', columns.subject_id, columns.max_value],
      )
    ).id as string;
  const runs = (count: number, columns: Record<string, unknown> = {}) =>
    makeRuns(db.pool, count, { agent_id: agent, ...columns });
  const claim = async (ids: string[]) =>
    (await claimOnce(db.pool, worker, ids)).map(({ id }) => id);
  const states = (ids: string[]) => statesOf(db.pool, ids);
  const end = (id: string) => complete(db.pool, worker, id);
  const admit = () => admitParked(db.pool);
  const wakeUps = async (id: string) =>
    (await all(db.pool, 'select from graphile_worker._private_jobs where key like $1', [`${id}%`]))
      .length;

  test('runs beyond the limit wait for a slot, and the next continues when one ends', async () => {
    await limit({ scope: 'agent', subject_id: agent, max_value: 2 });
    const ids = await runs(4);
    expect(await claim(ids)).toEqual(ids.slice(0, 2));
    expect(await states(ids)).toEqual(['running', 'running', 'quota', 'quota']);
    await db.pool.query(`delete from graphile_worker._private_jobs where key is not null`);
    await end(ids[0] as string);
    expect(await admit()).toBe(1);
    expect(await states(ids)).toEqual(['completed', 'running', 'queued', 'quota']);
    expect(await wakeUps(ids[2] as string)).toBe(1);
    expect(await claim([ids[2] as string])).toEqual([ids[2]]);
  });

  test('a run that a claim parks while the limit is deleted continues at once', async () => {
    const id = await limit({ scope: 'agent', subject_id: agent, max_value: 1 });
    const [first, second] = await runs(2);
    await claim([first as string]);
    const [claimer, admitter] = [await openSession(db.url), await openSession(db.url)];
    try {
      await claimer.query('begin');
      await claimer.query('select howdah_private.claim_executions($1, $2, 1, null)', [
        worker,
        [second],
      ]);
      await db.pool.query('delete from howdah.limits where id = $1', [id]);
      const admitted = admitter.query('select howdah_private.admit_parked($1, $2) as count', [
        id,
        tenant,
      ]);
      await isBlocked(db.pool, admitter);
      await claimer.query('commit');
      expect((await admitted).rows).toEqual([{ count: 1 }]);
      expect(await states([second as string])).toEqual(['queued']);
    } finally {
      await Promise.all([claimer.end(), admitter.end()]);
    }
  });

  test('waiting runs are admitted by priority, then by age', async () => {
    await limit({ scope: 'agent', subject_id: agent, max_value: 1 });
    const [first] = await runs(1);
    const [old] = await runs(1, { priority: 3 });
    const [urgent] = await runs(1, { priority: 1 });
    await claim([first, old, urgent] as string[]);
    await end(first as string);
    await admit();
    expect(await states([old, urgent] as string[])).toEqual(['quota', 'queued']);
  });

  test('two workers that claim concurrently never exceed the limit', async () => {
    await limit({ max_value: 3 });
    for (let round = 0; round < 5; round += 1) {
      const ids = await runs(16);
      const claims = await Promise.all([0, 1, 2, 3].map((n) => claim(ids.slice(4 * n, 4 * n + 4))));
      expect(claims.flat()).toHaveLength(3);
      expect((await states(ids)).filter((state) => state === 'quota')).toHaveLength(13);
      await db.pool.query('select howdah.cancel_execution(id) from unnest($1::uuid[]) as id', [
        ids,
      ]);
    }
  });

  test('each scope counts its subject: agent, first model of the pinned version, tenant', async () => {
    const model = await makeModel(db.pool);
    const spare = await makeModel(db.pool);
    const other = await makeAgent(db.pool);
    for (const [index, id] of [model, spare].entries()) {
      await db.pool.query(
        'insert into howdah.agent_models (agent_id, model_id, position) values ($1, $2, $3)',
        [other, id, index + 1],
      );
    }
    await limit({ scope: 'agent', subject_id: agent, max_value: 2 });
    await limit({ scope: 'model', subject_id: model, max_value: 1 });
    await limit({ scope: 'model', subject_id: spare, max_value: 1 });
    await limit({ max_value: 4 });
    const [mine, theirs] = [await runs(3), await runs(3, { agent_id: other })];
    await claim([...mine, ...theirs]);
    expect(await states(mine)).toEqual(['running', 'running', 'quota']);
    expect(await states(theirs)).toEqual(['running', 'quota', 'quota']);
    const free = await runs(2, { agent_id: await makeAgent(db.pool) });
    await claim(free);
    expect(await states(free)).toEqual(['running', 'quota']);
  });

  test.each([
    [
      'released by its worker',
      (id: string) =>
        db.pool.query('select howdah_private.release_executions($1, $2, false)', [worker, [id]]),
    ],
    ['cancelled', (id: string) => db.pool.query('select howdah.cancel_execution($1)', [id])],
    [
      'parked',
      async (id: string) => {
        const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 };
        await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [], to }]);
      },
    ],
  ])('a run that is %s frees its slot', async (_, stop) => {
    await limit({ scope: 'agent', subject_id: agent, max_value: 1 });
    const ids = await runs(2);
    await claim(ids);
    await stop(ids[0] as string);
    expect(await admit()).toBe(1);
    expect((await states(ids))[1]).toBe('queued');
  });

  test('an uncommitted end of a run still admits a run parked meanwhile', async () => {
    await limit({ scope: 'agent', subject_id: agent, max_value: 1 });
    const ids = await runs(2);
    await claim([ids[0] as string]);
    const client = await testClient(db.pool);
    await client.query('begin');
    await client.query('select howdah.cancel_execution($1)', [ids[0]]);
    // the uncommitted end of the first run is not visible
    expect(await claim([ids[1] as string])).toEqual([]);
    await client.query('commit');
    expect(await admit()).toBe(1);
    expect(await states(ids)).toEqual(['cancelled', 'queued']);
  });

  test('runs that stop in one transaction add one job for each limit, and those of the next add theirs', async () => {
    const limits = [
      await limit({ scope: 'agent', subject_id: agent, max_value: 4 }),
      await limit({ max_value: 90 }),
    ];
    const ids = await runs(5);
    expect(await claim(ids)).toHaveLength(4);
    const cancelled = ids.filter((_, index) => index < 4);
    const jobs = async () =>
      (
        await all(
          db.pool,
          `select j.payload ->> 'id' as id from graphile_worker._private_jobs as j
           join graphile_worker._private_tasks as t on t.id = j.task_id
           where t.identifier = 'admit' and j.key is null order by 1`,
        )
      ).map(({ id }) => id);
    const client = await testClient(db.pool);
    for (const part of [cancelled.slice(0, 2), cancelled.slice(2)]) {
      await client.query('begin');
      // a value that the transaction has not written counts for nothing
      await client.query(`select set_config('howdah.admissions', $1, false)`, [limits.join('/ ')]);
      await client.query('savepoint undone');
      await client.query('select howdah.cancel_execution($1)', [part[0]]);
      await client.query('rollback to savepoint undone');
      await client.query('select howdah.cancel_execution(id) from unnest($1::uuid[]) as r (id)', [
        part,
      ]);
      await client.query('commit');
    }
    expect(await jobs()).toEqual([...limits, ...limits].sort());
    expect(await admit()).toBe(1);
    expect(await states(ids.slice(4))).toEqual(['queued']);
  });

  test('raising or deleting a limit continues waiting runs; lowering it stops none', async () => {
    const id = await limit({ scope: 'agent', subject_id: agent, max_value: 1 });
    const ids = await runs(6);
    await claim(ids);
    await db.pool.query('update howdah.limits set max_value = 3 where id = $1', [id]);
    expect(await admit()).toBe(2);
    expect(await claim(ids)).toHaveLength(2);
    await db.pool.query('update howdah.limits set max_value = 2 where id = $1', [id]);
    await end(ids[0] as string);
    expect(await admit()).toBe(0);
    await db.pool.query('delete from howdah.limits where id = $1', [id]);
    expect(await admit()).toBe(3);
    expect(await claim(ids)).toHaveLength(3);
  });

  test('a deleted limit releases all waiting runs, a few hundred at a time', async () => {
    const id = await limit({ scope: 'agent', subject_id: agent, max_value: 1 });
    const { rows } = await db.pool.query(
      `insert into howdah.executions (agent_id, input) select $1, 'x' from generate_series(1, 450) returning id`,
      [agent],
    );
    await claim(rows.map((row) => row.id));
    await db.pool.query('delete from howdah.limits where id = $1', [id]);
    expect([await admit(), await admit(), await admit()]).toEqual([200, 200, 49]);
  });

  test('a run waiting for a slot is cancelled, paused and resumed like any other', async () => {
    await limit({ scope: 'agent', subject_id: agent, max_value: 1 });
    const ids = await runs(4);
    await claim(ids);
    await db.pool.query('select howdah.cancel_execution($1)', [ids[1]]);
    await db.pool.query('select howdah.pause_execution($1)', [ids[2]]);
    await end(ids[0] as string);
    expect(await admit()).toBe(1); // the cancelled and the paused run are skipped
    expect(await states(ids)).toEqual(['completed', 'cancelled', 'paused', 'queued']);
    await claim([ids[3] as string]);
    await db.pool.query('select howdah.resume_execution($1)', [ids[2]]);
    expect(await states([ids[2] as string])).toEqual(['queued']);
    expect(await claim([ids[2] as string])).toEqual([]);
    await db.pool.query('select howdah.retry_execution($1)', [ids[1]]);
    await claim([ids[1] as string]);
    expect(await states(ids)).toEqual(['completed', 'quota', 'quota', 'running']);
  });

  test('a locked run is skipped and checked again', async () => {
    await limit({ scope: 'agent', subject_id: agent, max_value: 1 });
    const ids = await runs(2);
    await claim(ids);
    const client = await testClient(db.pool);
    await client.query('begin');
    await client.query('select from howdah.executions where id = $1 for no key update', [ids[1]]);
    await end(ids[0] as string);
    expect(await admit()).toBe(0);
    await client.query('rollback');
    await expect.poll(admit).toBe(1); // the next check is due after a millisecond
  });

  test('a run beyond the limit, locked at the first check, is not claimed later', async () => {
    await limit({ scope: 'agent', subject_id: agent, max_value: 1 });
    const ids = await runs(3);
    const [holder, parker, claimer] = await Promise.all([
      openSession(db.url),
      openSession(db.url),
      openSession(db.url),
    ]);
    try {
      await holder.query('begin');
      await holder.query('select from howdah.executions where id = $1 for no key update', [ids[1]]);
      await parker.query('begin');
      await parker.query(
        `insert into howdah_private.parked_runs (execution_id, tenant_id, limit_id, due_at, priority)
         values ($1, $2, $1, now(), 0)`,
        [ids[2], tenant],
      );
      const claimed = claimer.query(
        'select execution_id from howdah_private.claim_executions($1, $2, 1, null)',
        [worker, ids],
      );
      await isBlocked(db.pool, claimer); // while it parks the last run
      await holder.query('rollback');
      await parker.query('rollback');
      expect((await claimed).rows).toEqual([{ execution_id: ids[0] }]);
      expect(await states(ids)).toEqual(['running', 'queued', 'quota']);
    } finally {
      await Promise.all([holder, parker, claimer].map((client) => client.end()));
    }
  });

  test('a claim waits for no lock that a login of the tenant can take', async () => {
    await limit({ max_value: 1 });
    const [id] = await runs(1);
    const claimer = await openSession(db.url);
    try {
      await claimer.query('begin');
      await claimer.query('select howdah_private.claim_executions($1, $2, 2, null)', [
        worker,
        [id],
      ]);
      const { rows } = await claimer.query(
        `select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
      );
      expect(rows).toEqual([]);
      await claimer.query('rollback');
      await claimer.query('set role howdah_app');
      const taking = claimer.query('select from howdah_private.limit_locks for update');
      expect(await refusal(taking)).toMatchObject({ code: '42501' });
    } finally {
      await claimer.end();
    }
  });

  test('an uncommitted update of a limit does not block claims', async () => {
    const id = await limit({ scope: 'agent', subject_id: agent, max_value: 1 });
    const client = await testClient(db.pool);
    await client.query('begin');
    await client.query('update howdah.limits set max_value = 5 where id = $1', [id]);
    const ids = await runs(2);
    expect(await claim(ids)).toHaveLength(1);
    await client.query('commit');
    expect(await admit()).toBe(1);
  });

  test('without a limit no admit job is queued', async () => {
    const [id] = await runs(1);
    await claim([id as string]);
    await end(id as string);
    expect(
      await all(
        db.pool,
        `select from graphile_worker._private_jobs as j
         join graphile_worker._private_tasks as t on t.id = j.task_id where t.identifier = 'admit'`,
      ),
    ).toEqual([]);
  });

  test('a waiting run without a wake-up is a violation and is repaired', async () => {
    await limit({ scope: 'agent', subject_id: agent, max_value: 1 });
    const ids = await runs(2);
    await claim(ids);
    await db.pool.query('delete from howdah_private.parked_runs');
    await db.pool.query(
      `update howdah.executions set updated_at = now() - interval '1 minute' where id = $1`,
      [ids[1]],
    );
    expect(await brokenRules(db.pool)).toEqual(['stuck_quota']);
    await db.pool.query('select howdah_private.repair_queue()');
    expect(await states(ids)).toEqual(['running', 'queued']);
    expect(await wakeUps(ids[1] as string)).toBe(1);
  });

  describe('a limit is rejected', () => {
    const refused = (columns: Parameters<typeof limit>[0]) => refusal(limit(columns));

    test('with a maximum of 0 or 1.5 runs', async () => {
      for (const max_value of [0, 1.5]) {
        expect(await refused({ max_value })).toMatchObject({
          code: 'HWINV',
          constraint: 'at_least_one_run_or_call_is_allowed',
        });
      }
    });

    test('for a user, each agent, an unknown agent, a period, or a duplicate', async () => {
      const model = await makeModel(db.pool);
      expect(await refused({ scope: 'user', subject_id: agent, max_value: 1 })).toMatchObject({
        constraint: 'running_runs_are_of_an_agent_a_model_a_key_or_a_tenant',
      });
      expect(await refused({ scope: 'agent', max_value: 1 })).toMatchObject({
        constraint: 'a_limit_of_running_runs_has_its_subject',
      });
      expect(await refused({ scope: 'agent', subject_id: model, max_value: 1 })).toMatchObject({
        code: 'HWNTF',
      });
      expect(
        await refusal(
          db.pool.query(
            `insert into howdah.limits (metric, period, max_value) values ('running_runs', 'day', 1)`,
          ),
        ),
      ).toMatchObject({ constraint: 'storage_and_running_limits_have_no_period' });
      await limit({ max_value: 1 });
      expect(await refused({ max_value: 2 })).toMatchObject({ code: '23505' });
    });

    test('from a tenant that limits itself as a whole, or changes or deletes that limit', async () => {
      const settings = { 'howdah.tenant_id': tenant };
      const asApp = (text: string) =>
        refusal(asRole(db.pool, 'howdah_app', settings, (client) => client.query(text)));
      expect(
        await asApp(`insert into howdah.limits (metric, max_value) values ('running_runs', 5)`),
      ).toMatchObject({ code: 'HWDEN' });
      await limit({ max_value: 1 });
      expect(await asApp('update howdah.limits set max_value = 9')).toMatchObject({
        code: 'HWDEN',
      });
      expect(await asApp('delete from howdah.limits')).toMatchObject({ code: 'HWDEN' });
      await asRole(db.pool, 'howdah_app', settings, (client) =>
        client.query(
          `insert into howdah.limits (scope, subject_id, metric, max_value) values ('agent', $1, 'running_runs', 2)`,
          [agent],
        ),
      );
    });
  });

  test('usage and waiting runs are visible only to their tenant', async () => {
    const id = await limit({ scope: 'agent', subject_id: agent, max_value: 2 });
    await claim(await runs(3));
    const seenBy = (tenant_id: string) =>
      asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant_id }, (client) =>
        all(client, 'select used, remaining, waiting from howdah.limit_usage where limit_id = $1', [
          id,
        ]),
      );
    expect(await seenBy(tenant)).toEqual([{ used: '2', remaining: '0', waiting: 1 }]);
    expect(await seenBy(await makeTenant(db.pool))).toEqual([]);
  });
});
