import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { waitPastHourBoundary } from '../../support/hour-boundary.ts';
import {
  admitParked,
  all,
  answer,
  asRole,
  brokenRules,
  claimOnce,
  commit,
  commitAsIs,
  committed,
  deleteLimits,
  finish,
  isBlocked,
  makeAgent,
  makeModel,
  makeRun,
  makeRuns,
  makeSession,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  openSession,
  recountLimits,
  refusal,
  runRow,
  spawn,
  statesOf,
  takeRole,
  unique,
  waitForRecount,
} from '../support.ts';

type Limit = {
  scope?: string;
  subject_id?: string;
  metric: string;
  period?: string | null;
  max_value: number;
  is_per_tenant?: boolean;
};

describe('usage limits', () => {
  const db = testDatabase();
  let worker: string;
  let tenant: string;
  let agent: string;

  beforeAll(async () => {
    worker = await makeWorker(db.pool);
  });
  beforeEach(async () => {
    await waitPastHourBoundary();
    await deleteLimits(db.pool);
    // Each test has its own tenant, so that earlier usage does not count.
    tenant = await makeTenant(db.pool, `limit-${randomUUID()}`);
    agent = await makeAgent(db.pool, { tenant_id: tenant });
  });

  const limit = async ({
    scope = 'tenant',
    subject_id,
    metric,
    period = 'day',
    max_value,
    is_per_tenant = false,
  }: Limit) =>
    (
      await one(
        db.pool,
        `insert into howdah.limits (tenant_id, scope, subject_id, metric, period, max_value, is_per_tenant)
         values ($1, $2, $3, $4, $5, $6, $7) returning id`,
        [tenant, scope, subject_id, metric, period, max_value, is_per_tenant],
      )
    ).id as string;
  const run = (columns: Record<string, unknown> = {}) =>
    makeRun(db.pool, { tenant_id: tenant, agent_id: agent, ...columns });
  const runs = (count: number, columns: Record<string, unknown> = {}) =>
    makeRuns(db.pool, count, { tenant_id: tenant, agent_id: agent, ...columns });
  const bulk = (count: number, client: Pick<pg.Pool, 'query'> = db.pool) =>
    client.query(
      `insert into howdah.executions (tenant_id, agent_id, input) select $1, $2, 'x' from generate_series(1, $3)`,
      [tenant, agent, count],
    );
  const used = async (id: string) =>
    Number(
      (await one(db.pool, 'select used from howdah.limit_usage where limit_id = $1', [id])).used,
    );
  const count = async () =>
    (
      await one(db.pool, 'select count(*)::int from howdah.executions where tenant_id = $1', [
        tenant,
      ])
    ).count as number;
  /** Moves the counters of a limit into the previous period. */
  const turn = async (id: string) => {
    // usage concurrent with the creation of the limit is recounted once no older transaction is
    // left on the server
    await waitForRecount(db.pool, id);
    await db.pool.query(
      `update howdah_private.limit_counters set started_at = started_at - interval '31 days' where limit_id = $1`,
      [id],
    );
  };
  const claim = (ids: string[]) => claimOnce(db.pool, worker, ids);
  const states = (ids: string[]) => statesOf(db.pool, ids);
  /** Commits one model answer of 15 tokens. Returns whether the run may call a model again. */
  const spend = async (
    id: string,
    steps: Record<string, unknown>[] = [answer],
    to?: Record<string, unknown>,
  ) => {
    const { fence, step_count } = await runRow(db.pool, id);
    const [result] = await commit(db.pool, worker, [
      { id, fence, after: step_count, steps, ...(to && { to }) },
    ]);
    return result as pg.QueryResultRow;
  };
  const park = (id: string) => spend(id, [], { status: 'waiting', waiting_for: 'quota' });
  const admit = () => admitParked(db.pool);

  describe('on runs', () => {
    test('reject a run beyond the limit, with the limit, the usage and the retry time', async () => {
      const id = await limit({ metric: 'runs', max_value: 2 });
      await runs(2);
      const refused = await refusal(run());
      expect(refused).toMatchObject({
        code: 'HWQTA',
        fields: {
          used: 2,
          scope: 'tenant',
          metric: 'runs',
          period: 'day',
          max_value: 2,
          retry_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT00:00:00Z$/),
        },
      });
      const detail = JSON.parse(refused.detail as string);
      expect(detail).toMatchObject({
        limit_id: id,
        scope: 'tenant',
        metric: 'runs',
        period: 'day',
        max_value: 2,
        used: 2,
        retry_at: expect.stringMatching(/T00:00:00Z$/),
      });
      const left = (Date.parse(detail.retry_at) - Date.now()) / 1000;
      expect(Math.abs(detail.retry_after_seconds - left)).toBeLessThan(60);
      expect([await used(id), await count()]).toEqual([2, 2]);
    });

    test('hold under 64 concurrent sessions with single and bulk inserts', async () => {
      const id = await limit({ metric: 'runs', max_value: 100 });
      const clients = await Promise.all(Array.from({ length: 64 }, () => openSession(db.url)));
      try {
        const outcomes = await Promise.all(
          clients.flatMap((client, n) => [
            bulk(n % 4 === 0 ? 7 : 1, client).then(
              () => 'made',
              (error) => error.code,
            ),
            bulk(1, client).then(
              () => 'made',
              (error) => error.code,
            ),
          ]),
        );
        expect(new Set(outcomes)).toEqual(new Set(['made', 'HWQTA']));
      } finally {
        await Promise.all(clients.map((client) => client.end()));
      }
      expect([await count(), await used(id)]).toEqual([100, 100]);
    });

    test('reject a whole bulk insert that exceeds the limit', async () => {
      const id = await limit({ metric: 'runs', max_value: 10 });
      await bulk(8);
      expect(await refusal(bulk(3))).toMatchObject({
        code: 'HWQTA',
        fields: { used: 8, scope: 'tenant', metric: 'runs', period: 'day', max_value: 10 },
      });
      await bulk(2);
      expect(await refusal(bulk(11))).toMatchObject({
        hint: expect.stringContaining('at most 10'),
      });
      expect([await count(), await used(id)]).toEqual([10, 10]);
    });

    test('count earlier runs of the period, and none before it', async () => {
      await runs(3);
      const yesterday = new Date(Date.now() - 40 * 86_400_000);
      await db.pool.query(
        `insert into howdah.executions (tenant_id, agent_id, input, created_at) values ($1, $2, 'x', $3)`,
        [tenant, agent, yesterday],
      );
      expect(await used(await limit({ metric: 'runs', max_value: 4 }))).toBe(3);
      expect(await used(await limit({ metric: 'runs', period: null, max_value: 9 }))).toBe(4);
      await run();
      expect(await refusal(run())).toMatchObject({ code: 'HWQTA' });
    });

    test('count all runs inserted concurrently with their creation', async () => {
      const client = await openSession(db.url);
      const maker = await openSession(db.url);
      try {
        await client.query('begin');
        await bulk(4, client);
        const making = maker.query(
          `insert into howdah.limits (tenant_id, metric, period, max_value) values ($1, 'runs', 'day', 5) returning id`,
          [tenant],
        );
        await isBlocked(db.pool, maker);
        await client.query('commit');
        const id = (await making).rows[0].id;
        expect(await used(id)).toBe(4);
        await run();
        expect(await refusal(run())).toMatchObject({ code: 'HWQTA' });
      } finally {
        await Promise.all([client.end(), maker.end()]);
      }
    });

    test('are rejected if a long transaction blocks their creation, and block nobody afterwards', async () => {
      const client = await openSession(db.url);
      try {
        await client.query('begin');
        await bulk(1, client);
        expect(await refusal(limit({ metric: 'runs', max_value: 5 }))).toMatchObject({
          code: 'HWCNF',
        });
        await run();
      } finally {
        await client.end();
      }
    });

    test('report a retry time already reached for a run created in the previous period', async () => {
      await limit({ metric: 'runs', period: 'month', max_value: 1 });
      const insert = `insert into howdah.executions (tenant_id, agent_id, input, created_at)
        values ($1, $2, 'x', date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' - interval '1 second')`;
      await db.pool.query(insert, [tenant, agent]);
      const refused = await refusal(db.pool.query(insert, [tenant, agent]));
      const detail = JSON.parse(refused.detail as string);
      expect(detail).toMatchObject({ used: 1, retry_after_seconds: 1 });
      expect(Date.parse(detail.retry_at)).toBeLessThanOrEqual(Date.now());
      await run();
    });

    test('of zero return a hint to raise the limit, because waiting does not help', async () => {
      await limit({ metric: 'runs', period: 'day', max_value: 0 });
      expect(await refusal(run())).toMatchObject({
        code: 'HWQTA',
        hint: expect.stringMatching(/^Ask an admin to raise max_value/),
      });
    });

    test('reset when the period ends', async () => {
      const id = await limit({ metric: 'runs', period: 'minute', max_value: 1 });
      await db.pool.query(
        `update howdah_private.limit_counters set started_at = howdah_private.period_begins('minute', now() + interval '1 minute') where limit_id = $1`,
        [id],
      );
      await committed(db.pool, async (db) => {
        await db.query('delete from howdah_private.limit_counters where limit_id = $1', [id]);
        await db.query(
          `insert into howdah_private.limit_counters (limit_id, started_at, subject_id, used)
           select $1, howdah_private.period_begins('minute', now() + n * interval '1 minute'), $2, 1 from generate_series(0, 1) as n`,
          [id, tenant],
        );
      });
      expect(await refusal(run())).toMatchObject({ code: 'HWQTA' });
      await turn(id);
      await run();
    });

    test('are enforced per user, agent and session', async () => {
      const { id: user } = await one(
        db.pool,
        'insert into howdah.users (tenant_id, username) values ($1, $2) returning id',
        [tenant, unique('user')],
      );
      const other = await makeAgent(db.pool, { tenant_id: tenant });
      const session = await makeSession(db.pool, { tenant_id: tenant });
      for (const [scope, subject_id] of [
        ['user', user],
        ['agent', agent],
        ['session', session],
      ] as const) {
        await limit({ scope, subject_id, metric: 'runs', max_value: 1 });
      }
      await run({ user_id: user, session_id: session });
      await run({ agent_id: other });
      for (const [scope, columns] of [
        ['user', { agent_id: other, user_id: user }],
        ['agent', {}],
        ['session', { agent_id: other, session_id: session }],
      ] as const) {
        expect(await refusal(run(columns))).toMatchObject({
          code: 'HWQTA',
          message: expect.stringContaining(`the limit of ${scope} `),
        });
      }
    });

    test('ignore children, compensating runs and imported history', async () => {
      const id = await limit({ metric: 'runs', max_value: 1 });
      const parent = await run();
      const [claimed] = await claim([parent]);
      await spawn(
        db.pool,
        worker,
        { id: parent, fence: claimed?.fence as number, after: 0 },
        agent,
      );
      await db.pool.query(
        `insert into howdah.executions (tenant_id, agent_id, agent_version_id, input, status, stop_reason, error, completed_at, created_by,
           root_execution_id, id, max_steps, max_seconds, created_at)
         select tenant_id, agent_id, agent_version_id, 'x', 'failed', 'error', '{}', now(), 'x', n.id, n.id, 1, 1, now()
         from howdah.executions, (select howdah.uuid_v7() as id) as n where executions.id = $1`,
        [parent],
      );
      expect(await used(id)).toBe(1);
    });

    test('reject a scheduled run; the schedule records it and continues with its next time', async () => {
      await limit({ metric: 'runs', max_value: 0 });
      const { id } = await one(
        db.pool,
        `insert into howdah.schedules (tenant_id, name, cron, agent_id, input) values ($1, 's', '@hourly', $2, 'x') returning id`,
        [tenant, agent],
      );
      await db.pool.query(
        `update howdah.schedules set next_at = now() - interval '1 second' where id = $1`,
        [id],
      );
      await db.pool.query('select howdah_private.fire_schedules()');
      const schedule = await one(
        db.pool,
        'select last_error, next_at > now() as goes_on from howdah.schedules where id = $1',
        [id],
      );
      expect(schedule).toMatchObject({ goes_on: true, last_error: { code: 'HWQTA' } });
    });

    test('reject a message, which then uses no turn of its session', async () => {
      const session = await makeSession(db.pool, { tenant_id: tenant, agent_id: agent });
      await limit({ metric: 'runs', max_value: 1 });
      const send = () => db.pool.query(`select howdah.send_message($1, 'hello')`, [session]);
      await send();
      expect(await refusal(send())).toMatchObject({ code: 'HWQTA' });
      expect(
        await one(db.pool, 'select turns from howdah.sessions where id = $1', [session]),
      ).toEqual({ turns: 1 });
    });

    test('do not affect other tenants, except limits of the system', async () => {
      const other = await makeTenant(db.pool, `limit-${randomUUID()}`);
      const theirs = await makeAgent(db.pool, { tenant_id: other });
      await limit({ metric: 'runs', max_value: 0 });
      await run({ tenant_id: other, agent_id: theirs });
      const before = await one(
        db.pool,
        'select count(*)::int from howdah.executions where parent_execution_id is null',
      );
      await limit({ scope: 'system', metric: 'runs', period: null, max_value: before.count });
      expect(await refusal(run({ tenant_id: other, agent_id: theirs }))).toMatchObject({
        code: 'HWQTA',
        message: expect.stringContaining('the limit of this installation'),
      });
      const usage = `select used from howdah.limit_usage where scope = 'system' and metric = 'runs'`;
      expect(await one(db.pool, usage)).toEqual({ used: String(before.count) });
      const { current } = await one(
        db.pool,
        `select tenant_id as current from howdah.limits where scope = 'system' and metric = 'runs'`,
      );
      await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': current }, async (client) => {
        expect(await one(client, usage)).toEqual({ used: null });
      });
    });

    test('apply at once when updated', async () => {
      const id = await limit({ metric: 'runs', max_value: 0 });
      await db.pool.query('update howdah.limits set max_value = 1 where id = $1', [id]);
      await run();
      expect(await refusal(run())).toMatchObject({ code: 'HWQTA' });
      await db.pool.query('delete from howdah.limits where id = $1', [id]);
      await run();
    });
  });

  describe('on tokens and cost', () => {
    const step = { ...answer };
    beforeAll(async () => {
      // 10 tokens in, 5 out
      const model = await makeModel(db.pool, { input_price: 10_000, output_price: 10_000 });
      Object.assign(step, { model_id: model });
    });
    const answers = (id: string) => spend(id, [step]);

    test('are reported again when the response of a commit was lost', async () => {
      await limit({ metric: 'tokens', max_value: 15 });
      const [id] = (await runs(1)) as [string];
      await claim([id]);
      const row = { id, fence: 1, after: 0, steps: [step] };
      for (let call = 1; call <= 2; call += 1) {
        expect(await commit(db.pool, worker, [row])).toMatchObject([
          { outcome: 'committed', step_count: 1, over_quota: true },
        ]);
      }
    });

    test.each([
      ['tokens', 15],
      ['cost', 0.15],
    ])(
      'on %s: stop a run before its next model call until the next period',
      async (metric, each) => {
        const id = await limit({ metric, max_value: 2 * each });
        const [mine, theirs] = await runs(2);
        await claim([mine, theirs] as string[]);
        expect(await answers(mine as string)).toMatchObject({ over_quota: false });
        expect(await answers(theirs as string)).toMatchObject({ over_quota: true });
        // The other run learns of the limit at its next step of any kind.
        expect(
          await spend(mine as string, [{ kind: 'tool', name: 't', call_id: 'a' }]),
        ).toMatchObject({
          outcome: 'committed',
          over_quota: true,
        });
        expect(await park(mine as string)).toMatchObject({
          outcome: 'committed',
          status: 'waiting',
        });
        expect(await used(id)).toBeCloseTo(2 * each);
        expect(await admit()).toBe(0);
        expect(await brokenRules(db.pool)).toEqual([]);
        const { run_at } = await one(
          db.pool,
          `select run_at from graphile_worker._private_jobs where key = 'limit ' || $1 || ' check'`,
          [id],
        );
        const { resets_at } = await one(
          db.pool,
          'select resets_at from howdah.limit_usage where limit_id = $1',
          [id],
        );
        expect(run_at).toEqual(resets_at);
        await turn(id);
        await db.pool.query('update graphile_worker._private_jobs set run_at = now()');
        expect(await admit()).toBe(1);
        expect(await states([mine as string])).toEqual(['queued']);
        expect(await claim([mine as string])).toHaveLength(1);
        expect(await answers(mine as string)).toMatchObject({ over_quota: false });
      },
    );

    test('park a run when it is claimed, and wake it when raised or deleted', async () => {
      const id = await limit({ metric: 'tokens', max_value: 0 });
      const [waits] = await runs(1);
      expect(await claim([waits as string])).toEqual([]);
      expect(await states([waits as string])).toEqual(['quota']);
      await db.pool.query('update howdah.limits set max_value = 1 where id = $1', [id]);
      expect(await admit()).toBe(1);
      await db.pool.query('update howdah.limits set max_value = 0 where id = $1', [id]);
      expect(await claim([waits as string])).toEqual([]);
      await db.pool.query('delete from howdah.limits where id = $1', [id]);
      expect(await admit()).toBe(1);
      expect(await claim([waits as string])).toHaveLength(1);
    });

    test.each([
      ['tokens', 15],
      ['cost', 0.15],
    ])(
      'on %s: count exactly under concurrent commits, in one batch and separately',
      async (metric, each) => {
        const id = await limit({ metric, max_value: 1_000_000 });
        const ids = await runs(32);
        await claim(ids);
        const fenced = await all(
          db.pool,
          'select id, fence from howdah.executions where id = any ($1) order by id',
          [ids],
        );
        const clients = await Promise.all(Array.from({ length: 16 }, () => openSession(db.url)));
        const commits = clients.map(async (client, n) => {
          const mine = fenced.slice(2 * n, 2 * n + 2);
          for (let after = 0; after < 5; after += 1) {
            for (const part of n % 2 ? [mine] : mine.map((run) => [run])) {
              await commitAsIs(
                client,
                worker,
                part.map(({ id, fence }) => ({ id, fence, after, steps: [step] })),
              );
            }
          }
          await client.end();
        });
        await Promise.all(commits);
        expect(await used(id)).toBeCloseTo(32 * 5 * each);
      },
    );

    test('count a commit that did not see the limit and wrote its first row later', async () => {
      const [id] = await runs(1);
      const [run] = await claim([id as string]);
      const [holder, spender] = await Promise.all([openSession(db.url), openSession(db.url)]);
      const recount = async (ours: string, after: string) =>
        (await one(db.pool, 'select howdah_private.recount_limit($1, $2) as done', [ours, after]))
          .done;
      try {
        await holder.query('begin');
        await holder.query(
          'select from howdah_private.run_heads where execution_id = $1 for no key update',
          [id],
        );
        await spender.query('begin');
        const spent = commit(spender, worker, [
          { id: id as string, fence: run?.fence as number, after: 0, steps: [step], more: false },
        ]);
        await isBlocked(db.pool, spender); // its transaction is older than the limit
        const ours = await limit({ metric: 'tokens', max_value: 50 });
        const { after } = await one(db.pool, 'select pg_current_xact_id()::text as after');
        expect(await recount(ours, after)).toBe(false);
        await holder.query('commit');
        expect(await spent).toMatchObject([{ outcome: 'committed' }]);
        expect(await recount(ours, after)).toBe(false);
        await spender.query('commit');
        await expect.poll(() => recount(ours, after), { timeout: 240_000 }).toBe(true);
        expect(await used(ours)).toBe(15);
      } finally {
        await Promise.all([holder.end(), spender.end()]);
      }
    });

    test('with a changed metric recount beside a commit that counts the old metric', async () => {
      const [id] = await runs(1);
      await finish(db.pool, worker, id as string); // spends tokens of a model without prices
      const ours = await limit({ metric: 'cost', max_value: 5 });
      const [spender, editor] = await Promise.all([openSession(db.url), openSession(db.url)]);
      try {
        await spender.query('begin');
        await spender.query('select howdah_private.add_usage($1)', [
          JSON.stringify([{ metric: 'cost', amount: 1, at: new Date(), tenant_id: tenant }]),
        ]);
        const edited = editor.query(`update howdah.limits set metric = 'tokens' where id = $1`, [
          ours,
        ]);
        await isBlocked(db.pool, editor);
        await spender.query('commit');
        await edited;
        expect(await used(ours)).toBe(15);
      } finally {
        await Promise.all([spender.end(), editor.end()]);
      }
    });

    test('count usage earlier in the period than their creation', async () => {
      const [mine] = await runs(1);
      await claim([mine as string]);
      await answers(mine as string);
      expect(await used(await limit({ metric: 'tokens', max_value: 100 }))).toBeCloseTo(15);
    });

    test.each([
      ['tokens', 15],
      ['cost', 0.15],
    ])('on %s: count usage committed during their creation', async (metric, each) => {
      const [mine] = await runs(1);
      await claim([mine as string]);
      const { fence } = await one(db.pool, 'select fence from howdah.executions where id = $1', [
        mine,
      ]);
      const client = await openSession(db.url);
      await client.query('begin');
      await commitAsIs(client, worker, [{ id: mine as string, fence, after: 0, steps: [step] }]);
      const id = await limit({ metric, max_value: 100 });
      expect(await used(id)).toBe(0);
      // A transaction from before the limit is still open. The job is due again in a second.
      expect(await recountLimits(db.pool)).toEqual([false]);
      expect(await recountLimits(db.pool)).toEqual([]);
      await client.query('commit');
      await client.end();
      await answers(mine as string);
      // The job waits for all older writing transactions of the server.
      await vi.waitFor(async () => {
        await db.pool.query('update graphile_worker._private_jobs set run_at = now()');
        await recountLimits(db.pool);
        expect(await used(id)).toBeCloseTo(2 * each);
      }, 240_000); // isolation tests may run transactions of that length
    });

    test('finish a recount while later transactions are open', async () => {
      const earlier = await openSession(db.url);
      await earlier.query('begin; select pg_current_xact_id()');
      await limit({ metric: 'tokens', max_value: 100 });
      expect(await recountLimits(db.pool)).toEqual([false]);
      const later = await openSession(db.url);
      await later.query('begin; select pg_current_xact_id()');
      await earlier.query('commit');
      await earlier.end();
      await vi.waitFor(async () => {
        await db.pool.query('update graphile_worker._private_jobs set run_at = now()');
        expect(await recountLimits(db.pool)).toEqual([true]);
      }, 240_000);
      await later.query('commit');
      await later.end();
    });

    test('recount in a restored database, where transaction ids are lower', async () => {
      const earlier = await openSession(db.url);
      await earlier.query('begin; select pg_current_xact_id()');
      const id = await limit({ metric: 'tokens', max_value: 100 });
      const text = 'select howdah_private.recount_limit($1, $2) as done';
      expect(await one(db.pool, text, [id, '9000000000000000000'])).toEqual({ done: false });
      const { after } = await one(
        db.pool,
        `select payload ->> 'after' as after from graphile_worker._private_jobs
         where key = 'limit ' || $1::text || ' recount'`,
        [id],
      );
      expect(Number(after)).toBeLessThan(1e12);
      await earlier.query('commit');
      await earlier.end();
    });

    test('count a repeated commit once, and a rejected commit not at all', async () => {
      const id = await limit({ metric: 'tokens', max_value: 100 });
      const [mine] = await runs(1);
      await claim([mine as string]);
      const { fence } = await one(db.pool, 'select fence from howdah.executions where id = $1', [
        mine,
      ]);
      const send = (fence: number, after = 0) =>
        commitAsIs(db.pool, worker, [{ id: mine as string, fence, after, steps: [step] }]);
      expect([...(await send(fence)), ...(await send(fence))]).toMatchObject([
        { outcome: 'committed' },
        { outcome: 'committed' },
      ]);
      await send(fence + 1, 1);
      expect(await used(id)).toBeCloseTo(15);
    });

    test('count a child for its own agent and for the session of its root', async () => {
      const session = await makeSession(db.pool, { tenant_id: tenant });
      const below = await makeAgent(db.pool, { tenant_id: tenant });
      const [root] = await runs(1, { session_id: session });
      const [claimed] = await claim([root as string]);
      const child = await spawn(
        db.pool,
        worker,
        { id: root as string, fence: claimed?.fence as number, after: 0 },
        below,
      );
      const limits = [
        await limit({ scope: 'session', subject_id: session, metric: 'tokens', max_value: 100 }),
        await limit({ scope: 'agent', subject_id: below, metric: 'tokens', max_value: 15 }),
        await limit({ scope: 'agent', subject_id: agent, metric: 'tokens', max_value: 100 }),
      ];
      await claim([child]);
      expect(await spend(child, [step], { status: 'waiting', waiting_for: 'quota' })).toMatchObject(
        {
          status: 'waiting',
        },
      );
      expect(await Promise.all(limits.map(used))).toEqual(
        [15, 15, 0].map((value) => expect.closeTo(value)),
      );
      expect(await states([child])).toEqual(['quota']);
      expect(await brokenRules(db.pool)).toEqual([]);
    });
  });

  test('a run parked after its limit has room again is queued at once', async () => {
    const id = await limit({ metric: 'tokens', max_value: 15 });
    const [mine] = await runs(1);
    await claim([mine as string]);
    await spend(mine as string);
    await turn(id);
    await park(mine as string);
    expect(await states([mine as string])).toEqual(['queued']);
  });

  test('a run parked beside an uncommitted claim and a raised limit is still woken', async () => {
    const id = await limit({ metric: 'tokens', max_value: 0 });
    const [mine] = await runs(1);
    const client = await openSession(db.url);
    await client.query('begin');
    await client.query('select * from howdah_private.claim_executions($1, $2, 1, null)', [
      worker,
      [mine],
    ]);
    await db.pool.query('update howdah.limits set max_value = 1 where id = $1', [id]);
    expect(await admit()).toBe(0);
    await client.query('commit');
    await client.end();
    expect(await states([mine as string])).toEqual(['quota']);
    expect(await admit()).toBe(1);
  });

  test('a run parked at a limit is cancelled, paused and resumed like any other', async () => {
    const id = await limit({ metric: 'tokens', max_value: 0 });
    const ids = await runs(3);
    await claim(ids);
    await db.pool.query('select howdah.cancel_execution($1)', [ids[0]]);
    await db.pool.query('select howdah.pause_execution($1)', [ids[1]]);
    await db.pool.query('update howdah.limits set max_value = 1 where id = $1', [id]);
    expect(await admit()).toBe(1);
    expect(await states(ids)).toEqual(['cancelled', 'paused', 'queued']);
    await db.pool.query('select howdah.resume_execution($1)', [ids[1]]);
    expect(await states(ids)).toEqual(['cancelled', 'queued', 'queued']);
  });

  test('a deleted limit releases all parked runs, 200 at a time', async () => {
    const id = await limit({ metric: 'tokens', max_value: 0 });
    await bulk(230);
    const waiting = await all(db.pool, 'select id from howdah.executions where tenant_id = $1', [
      tenant,
    ]);
    await claim(waiting.map((row) => row.id));
    await db.pool.query('delete from howdah.limits where id = $1', [id]);
    const some = () =>
      one(db.pool, 'select howdah_private.admit_parked($1, $2) as admitted', [id, tenant]);
    expect([await some(), await some()]).toEqual([{ admitted: 200 }, { admitted: 30 }]);
  });

  test('a parked run without a wake-up is a violation and is repaired', async () => {
    const id = await limit({ metric: 'tokens', max_value: 0 });
    const [mine] = await runs(1);
    await claim([mine as string]);
    await admit();
    await turn(id);
    await db.pool.query('update howdah.limits set max_value = 5 where id = $1', [id]);
    await db.pool.query('delete from graphile_worker._private_jobs');
    await db.pool.query(
      `update howdah.executions set updated_at = now() - interval '1 minute' where id = $1`,
      [mine],
    );
    expect(await brokenRules(db.pool)).toEqual(['stuck_quota']);
    await db.pool.query('select howdah_private.repair_queue()');
    expect(await states([mine as string])).toEqual(['queued']);
  });

  describe('on storage', () => {
    const store = (size: number, columns: Record<string, unknown> = {}) =>
      db.pool.query(
        `insert into howdah.resources (tenant_id, session_id, name, type, bytes) values ($1, $2, 'f', 'text/plain', $3) returning id`,
        [tenant, columns.session_id, Buffer.alloc(size, 'x')],
      );

    test('count stored files, reject files beyond the limit, and drop when files are deleted', async () => {
      const session = await makeSession(db.pool, { tenant_id: tenant });
      const { rows } = await store(400, { session_id: session });
      const id = await limit({ metric: 'storage', period: null, max_value: 1000 });
      const ofSession = await limit({
        scope: 'session',
        subject_id: session,
        metric: 'storage',
        period: null,
        max_value: 500,
      });
      await store(600);
      const refused = await refusal(store(1));
      expect(refused).toMatchObject({
        code: 'HWQTA',
        fields: { used: 1000, scope: 'tenant', metric: 'storage', max_value: 1000 },
      });
      // Storage does not become free at a known time.
      expect(refused.fields).toMatchObject({
        retry_at: null,
        retry_after_seconds: null,
      });
      await db.pool.query('delete from howdah.resources where id = $1', [rows[0].id]);
      expect([await used(id), await used(ofSession)]).toEqual([600, 0]);
      await store(400);
      expect(await refusal(store(501, { session_id: session }))).toMatchObject({ code: 'HWQTA' });
    });

    test('hold under concurrent inserts', async () => {
      const id = await limit({ metric: 'storage', period: null, max_value: 1000 });
      const outcomes = await Promise.allSettled(Array.from({ length: 16 }, () => store(90)));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(11);
      expect(await used(id)).toBe(990);
    });
  });

  describe('on requests', () => {
    const ask = async (
      client: Pick<pg.Pool, 'query'>,
      times: number,
      user?: string,
      key?: string,
    ) =>
      (
        await all(
          client as pg.Pool,
          'select * from howdah_private.count_requests($1, $2, $3) as refused',
          [Array(times).fill(tenant), Array(times).fill(user), Array(times).fill(key)],
        )
      ).map(({ refused }) => refused);

    test('hold across many processes, whatever the batch sizes', async () => {
      const id = await limit({ metric: 'requests', period: 'hour', max_value: 50 });
      const answers = await Promise.all(Array.from({ length: 16 }, (_, n) => ask(db.pool, 1 + n)));
      expect(answers.flat().filter((refused) => refused === null)).toHaveLength(50);
      expect(await used(id)).toBe(50);
      const [refused] = await ask(db.pool, 1);
      expect(refused).toMatchObject({
        message: expect.stringContaining('at most 50 requests per hour'),
        detail: { limit_id: id, retry_after_seconds: expect.any(Number) },
      });
    });

    test('count per tenant, user and API key, and ignore requests that one limit rejects', async () => {
      const { id: user } = await one(
        db.pool,
        'insert into howdah.users (tenant_id, username) values ($1, $2) returning id',
        [tenant, unique('user')],
      );
      const whole = await limit({ metric: 'requests', period: 'hour', max_value: 10 });
      const mine = await limit({
        scope: 'user',
        subject_id: user,
        metric: 'requests',
        max_value: 2,
      });
      expect((await ask(db.pool, 4, user)).map(Boolean)).toEqual([false, false, true, true]);
      expect((await ask(db.pool, 1)).map(Boolean)).toEqual([false]);
      const { id: key } = await one(
        db.pool,
        `insert into howdah.api_keys (tenant_id, name, prefix, hash, created_by)
         values ($1, 'k', $2, sha256('k'), 'test') returning id`,
        [tenant, `hwd_${randomUUID().replaceAll('-', '').slice(0, 12)}`],
      );
      await limit({ scope: 'api_key', subject_id: key, metric: 'requests', max_value: 1 });
      expect((await ask(db.pool, 2, undefined, key)).map(Boolean)).toEqual([false, true]);
      expect([await used(whole), await used(mine)]).toEqual([4, 2]);
      const counted = await all(
        db.pool,
        'select * from howdah_private.count_requests_of($1) as yes',
        [[tenant, await makeTenant(db.pool, `limit-${randomUUID()}`)]],
      );
      expect(counted.map(({ yes }) => yes)).toEqual([true, false]);
    });
  });

  describe('for each subject', () => {
    const makeUserOfTenant = async () => (await makeUser(db.pool, { tenant_id: tenant })).id;
    const usages = async (id: string) =>
      Object.fromEntries(
        (
          await all(
            db.pool,
            'select subject_id, used, remaining from howdah.limit_usage where limit_id = $1',
            [id],
          )
        ).map((row) => [row.subject_id, [Number(row.used), Number(row.remaining)]]),
      );

    test('user: two inserts that name two users in opposite order do not deadlock', async () => {
      const users = [await makeUserOfTenant(), await makeUserOfTenant()];
      const [low, high] = users.toSorted() as [string, string];
      const id = await limit({ scope: 'user', metric: 'runs', max_value: 9 });
      await run({ user_id: low });
      await run({ user_id: high });
      const [gate, first, second] = await Promise.all([
        openSession(db.url),
        openSession(db.url),
        openSession(db.url),
      ]);
      const insert = `insert into howdah.executions (tenant_id, agent_id, input, user_id)
        select $1, $2, 'x', u.id from unnest($3::uuid[]) with ordinality as u (id, place)
        order by u.place`;
      await gate.query('begin');
      await gate.query(
        `select from howdah_private.limit_counters
         where limit_id = $1 and subject_id = $2 for update`,
        [id, low],
      );
      const inserted = [
        first.query(insert, [tenant, agent, [low, high]]),
        second.query(insert, [tenant, agent, [high, low]]),
      ];
      await isBlocked(db.pool, first);
      await isBlocked(db.pool, second);
      await gate.query('commit');
      await Promise.all(inserted);
      expect(await usages(id)).toEqual({ [low]: [3, 6], [high]: [3, 6] });
      await Promise.all([gate, first, second].map((client) => client.end()));
    });

    test('user, agent and session: reject only the subject beyond the limit', async () => {
      const [ada, bob] = [await makeUserOfTenant(), await makeUserOfTenant()];
      const other = await makeAgent(db.pool, { tenant_id: tenant });
      const [here, there] = [
        await makeSession(db.pool, { tenant_id: tenant }),
        await makeSession(db.pool, { tenant_id: tenant }),
      ];
      for (const [scope, column, first, second] of [
        ['user', 'user_id', ada, bob],
        ['agent', 'agent_id', agent, other],
        ['session', 'session_id', here, there],
      ] as const) {
        const id = await limit({ scope, metric: 'runs', period: 'hour', max_value: 2 });
        await db.pool.query('delete from howdah_private.limit_counters where limit_id = $1', [id]);
        await runs(2, { [column]: first });
        await run({ [column]: second });
        const refused = await refusal(run({ [column]: first }));
        expect(refused).toMatchObject({
          code: 'HWQTA',
          message: expect.stringContaining(`the limit of ${scope} ${first} is reached: at most 2`),
          hint: expect.stringContaining('a limit for this subject alone, which takes its place'),
        });
        expect(refused.fields).toMatchObject({
          limit_id: id,
          scope,
          subject_id: first,
          used: 2,
          retry_at: expect.any(String),
        });
        expect(await usages(id)).toMatchObject({ [first]: [2, 0], [second]: [1, 1] });
        await db.pool.query('delete from howdah.limits');
      }
    });

    test('hold under 64 concurrent sessions, for each user separately', async () => {
      const users = await Promise.all(Array.from({ length: 4 }, makeUserOfTenant));
      const id = await limit({ scope: 'user', metric: 'runs', max_value: 20 });
      const clients = await Promise.all(Array.from({ length: 64 }, () => openSession(db.url)));
      try {
        const insert = `insert into howdah.executions (tenant_id, agent_id, user_id, input)
          select $1, $2, u.id, 'x' from unnest($3::uuid[]) as u (id)`;
        const outcomes = await Promise.all(
          clients.flatMap((client, n) =>
            // two users in one statement, in either order, and one user alone
            [[users[n % 4], users[(n + 1) % 4]], [users[n % 4]]].map((whose) =>
              client.query(insert, [tenant, agent, whose]).then(
                () => 'made',
                (error) => error.code,
              ),
            ),
          ),
        );
        expect(new Set(outcomes)).toEqual(new Set(['made', 'HWQTA']));
      } finally {
        await Promise.all(clients.map((client) => client.end()));
      }
      const made = await all(
        db.pool,
        'select user_id, count(*)::int from howdah.executions where tenant_id = $1 group by 1',
        [tenant],
      );
      for (const { user_id, count } of made) {
        expect((await usages(id))[user_id]).toEqual([count, 20 - count]);
        while ((await usages(id))[user_id]?.[1]) await run({ user_id });
        expect(await refusal(run({ user_id }))).toMatchObject({ code: 'HWQTA' });
      }
      expect(await usages(id)).toEqual(Object.fromEntries(users.map((user) => [user, [20, 0]])));
    });

    test('yield to a limit on one subject, higher or lower, until that is deleted', async () => {
      const [ada, bob] = [await makeUserOfTenant(), await makeUserOfTenant()];
      await run({ user_id: ada });
      const id = await limit({ scope: 'user', metric: 'runs', max_value: 2 });
      const more = await limit({ scope: 'user', subject_id: ada, metric: 'runs', max_value: 3 });
      await limit({ scope: 'user', subject_id: bob, metric: 'runs', max_value: 0 });
      await runs(2, { user_id: ada });
      for (const user_id of [ada, bob]) {
        expect(await refusal(run({ user_id }))).toMatchObject({ code: 'HWQTA' });
      }
      expect([await usages(id), await usages(more)]).toEqual([{}, { [ada]: [3, 0] }]);
      await db.pool.query('delete from howdah.limits where id <> $1', [id]);
      expect(await usages(id)).toEqual({ [ada]: [3, 0] });
      expect(await refusal(run({ user_id: ada }))).toMatchObject({ code: 'HWQTA' });
      await runs(2, { user_id: bob });
    });

    test('imposed by an owner do not yield to limits that the tenant writes', async () => {
      const ada = await makeUserOfTenant();
      await limit({ scope: 'user', metric: 'runs', max_value: 1 });
      const own = await limit({ scope: 'user', subject_id: ada, metric: 'runs', max_value: 9 });
      await db.pool.query('update howdah.limits set is_imposed = false where id = $1', [own]);
      await run({ user_id: ada });
      expect(await refusal(run({ user_id: ada }))).toMatchObject({ code: 'HWQTA' });
    });

    test('written by the tenant apply beside limits an owner imposes on a subject', async () => {
      const [ada, bob] = [await makeUserOfTenant(), await makeUserOfTenant()];
      const each = await limit({ scope: 'user', metric: 'runs', max_value: 1 });
      await db.pool.query('update howdah.limits set is_imposed = false where id = $1', [each]);
      await limit({ scope: 'user', subject_id: ada, metric: 'runs', max_value: 9 });
      const none = await limit({ scope: 'user', subject_id: bob, metric: 'runs', max_value: 0 });
      await run({ user_id: ada });
      expect(await refusal(run({ user_id: ada }))).toMatchObject({
        code: 'HWQTA',
        fields: { limit_id: each },
      });
      expect(await refusal(run({ user_id: bob }))).toMatchObject({
        code: 'HWQTA',
        fields: { limit_id: none },
      });
    });

    test('on tokens park the runs of one user, and raising the limit continues only those', async () => {
      const [ada, bob] = [await makeUserOfTenant(), await makeUserOfTenant()];
      const id = await limit({ scope: 'user', metric: 'tokens', max_value: 15 });
      const [first, second] = await runs(2, { user_id: ada });
      const [third] = await runs(1, { user_id: bob });
      const mine = [first, second] as string[];
      expect(await claim([...mine, third as string])).toHaveLength(3);
      expect(await spend(first as string)).toMatchObject({ over_quota: true });
      expect(await spend(third as string, [], { status: 'queued' })).toMatchObject({
        over_quota: false,
      });
      await park(first as string);
      await park(second as string);
      const waits = await run({ user_id: ada });
      expect(await claim([waits])).toEqual([]);
      expect(await states([...mine, waits])).toEqual(['quota', 'quota', 'quota']);
      expect(await admit()).toBe(0);
      expect(await brokenRules(db.pool)).toEqual([]);
      const more = await limit({ scope: 'user', subject_id: ada, metric: 'tokens', max_value: 16 });
      expect(await admit()).toBe(3);
      expect(await claim([waits])).toHaveLength(1);
      expect(await spend(waits)).toMatchObject({ over_quota: true });
      await db.pool.query('delete from howdah.limits where id = $1', [more]);
      await park(waits);
      expect(await states([waits])).toEqual(['quota']);
      await turn(id);
      await db.pool.query('update graphile_worker._private_jobs set run_at = now()');
      expect(await admit()).toBe(1);
    });

    test('report waiting runs by subject, even without usage', async () => {
      const ada = await makeUserOfTenant();
      const id = await limit({ scope: 'user', metric: 'tokens', max_value: 0 });
      const waits = await run({ user_id: ada });
      expect(await claim([waits])).toEqual([]);
      const usage = 'select subject_id, used, waiting from howdah.limit_usage where limit_id = $1';
      expect(await all(db.pool, usage, [id])).toEqual([{ subject_id: ada, used: '0', waiting: 1 }]);
    });

    test('do not delay a run behind parked runs of another user, however many', async () => {
      const [ada, bob] = [await makeUserOfTenant(), await makeUserOfTenant()];
      const id = await limit({ scope: 'user', metric: 'tokens', max_value: 0 });
      await db.pool.query(
        `insert into howdah.executions (tenant_id, agent_id, user_id, input) select $1, $2, $3, 'x' from generate_series(1, 230)`,
        [tenant, agent, ada],
      );
      const last = await run({ user_id: bob });
      const waiting = await all(db.pool, 'select id from howdah.executions where tenant_id = $1', [
        tenant,
      ]);
      await claim(waiting.map((row) => row.id));
      await limit({ scope: 'user', subject_id: bob, metric: 'tokens', max_value: 1 });
      expect(await admit()).toBe(1);
      expect(await states([last])).toEqual(['queued']);
      await db.pool.query('delete from howdah.limits where id = $1', [id]);
      const some = () =>
        one(db.pool, 'select howdah_private.admit_parked($1, $2) as admitted', [id, tenant]);
      expect([await some(), await some()]).toEqual([{ admitted: 200 }, { admitted: 30 }]);
    });

    test('on cost: count usage before and during their creation, per subject', async () => {
      const [ada, bob, eve] = [
        await makeUserOfTenant(),
        await makeUserOfTenant(),
        await makeUserOfTenant(),
      ];
      const model = await makeModel(db.pool, { input_price: 10_000, output_price: 10_000 });
      const step = { ...answer, model_id: model };
      const [before] = await runs(1, { user_id: ada });
      const [beside, again] = await runs(2, { user_id: bob });
      const [after] = await runs(1, { user_id: eve });
      await claim([before, beside, again, after] as string[]);
      await spend(before as string, [step]);
      const fence = (
        await one(db.pool, 'select fence from howdah.executions where id = $1', [beside])
      ).fence;
      const client = await openSession(db.url);
      await client.query('begin');
      await commitAsIs(client, worker, [{ id: beside as string, fence, after: 0, steps: [step] }]);
      const id = await limit({ scope: 'user', metric: 'cost', max_value: 9 });
      expect(await usages(id)).toEqual({ [ada]: [0.15, 8.85] });
      expect(await recountLimits(db.pool)).toEqual([false]);
      await spend(again as string, [step]);
      await spend(after as string, [step]);
      await client.query('commit');
      await client.end();
      await vi.waitFor(async () => {
        await db.pool.query('update graphile_worker._private_jobs set run_at = now()');
        await recountLimits(db.pool);
        expect(await usages(id)).toEqual({
          [ada]: [0.15, 8.85],
          [bob]: [0.3, 8.7],
          [eve]: [0.15, 8.85],
        });
      }, 240_000); // isolation tests may run transactions of that length
    });

    test('count a child for the session and user of its root', async () => {
      const ada = await makeUserOfTenant();
      const session = await makeSession(db.pool, { tenant_id: tenant });
      const [root] = await runs(1, { session_id: session, user_id: ada });
      const [claimed] = await claim([root as string]);
      const from = { id: root as string, fence: claimed?.fence as number, after: 0 };
      const child = await spawn(db.pool, worker, from, agent);
      const [ofSession, ofUser] = [
        await limit({ scope: 'session', metric: 'tokens', max_value: 100 }),
        await limit({ scope: 'user', metric: 'tokens', max_value: 100 }),
      ];
      await claim([child]);
      await spend(child);
      expect([await usages(ofSession), await usages(ofUser)]).toEqual([
        { [session]: [15, 85] },
        { [ada]: [15, 85] },
      ]);
    });

    test('tenant: apply to each tenant of the installation, unless an owner sets its own limit', async () => {
      const other = await makeTenant(db.pool, `limit-${randomUUID()}`);
      const theirs = { tenant_id: other, agent_id: await makeAgent(db.pool, { tenant_id: other }) };
      await run(theirs);
      const id = await limit({
        scope: 'system',
        metric: 'runs',
        period: 'hour',
        max_value: 2,
        is_per_tenant: true,
      });
      await runs(2);
      await run(theirs);
      expect(await refusal(run(theirs))).toMatchObject({
        code: 'HWQTA',
        fields: { used: 2, scope: 'system', metric: 'runs', period: 'hour', max_value: 2 },
      });
      expect(await usages(id)).toMatchObject({ [tenant]: [2, 0], [other]: [2, 0] });
      const own = await limit({ metric: 'runs', period: 'hour', max_value: 3 });
      await run();
      expect(await refusal(run())).toMatchObject({ code: 'HWQTA' });
      expect(Object.keys(await usages(id))).not.toContain(tenant);
      // A limit that a tenant has set for itself does not replace the default.
      await db.pool.query('update howdah.limits set is_imposed = false where id = $1', [own]);
      expect(Object.keys(await usages(id))).toContain(tenant);
    });

    test('on requests and storage apply per subject', async () => {
      const [ada, bob] = [await makeUserOfTenant(), await makeUserOfTenant()];
      await limit({ scope: 'user', metric: 'requests', period: 'hour', max_value: 1 });
      const results = await all(
        db.pool,
        'select * from howdah_private.count_requests($1, $2, $3) as refused',
        [Array(4).fill(tenant), [ada, ada, bob, null], Array(4).fill(null)],
      );
      expect(results.map(({ refused }) => refused?.detail.subject_id)).toEqual([
        undefined,
        ada,
        undefined,
        undefined,
      ]);
      const sessions = [
        await makeSession(db.pool, { tenant_id: tenant }),
        await makeSession(db.pool, { tenant_id: tenant }),
      ];
      const id = await limit({ scope: 'session', metric: 'storage', period: null, max_value: 10 });
      const store = (session: string) =>
        db.pool.query(
          `insert into howdah.resources (tenant_id, session_id, name, type, bytes) values ($1, $2, 'f', 'text/plain', '12345678')`,
          [tenant, session],
        );
      for (const session of sessions) await store(session);
      expect(await refusal(store(sessions[0] as string))).toMatchObject({ code: 'HWQTA' });
      await db.pool.query('delete from howdah.sessions where id = $1', [sessions[1]]);
      await db.pool.query('select howdah_private.repair_queue()');
      expect(
        await all(
          db.pool,
          'select subject_id from howdah_private.limit_counters where limit_id = $1',
          [id],
        ),
      ).toEqual([{ subject_id: sessions[0] }]);
    });
  });

  test('deletes counters of past periods and deleted limits', async () => {
    const remaining = await limit({ metric: 'runs', max_value: 9 });
    const gone = await limit({ metric: 'runs', period: null, max_value: 9 });
    await run();
    await db.pool.query(
      `insert into howdah_private.limit_counters (limit_id, started_at, subject_id, used)
       select limit_id, started_at - interval '2 days', subject_id, 1 from howdah_private.limit_counters where limit_id = $1`,
      [remaining],
    );
    await db.pool.query('delete from howdah.limits where id = $1', [gone]);
    await db.pool.query('select howdah_private.repair_queue()');
    expect(
      await all(
        db.pool,
        'select limit_id from howdah_private.limit_counters where limit_id = any ($1)',
        [[remaining, gone]],
      ),
    ).toEqual([{ limit_id: remaining }]);
  });

  test.each([
    ['no limits', 0],
    ['only limits of other metrics', 300],
  ])('where there are %s, a run reads and writes no limit rows', async (_, others) => {
    await db.pool.query(
      `with people as (
         insert into howdah.users (tenant_id, username) select $1, 'reader ' || n from generate_series(1, $2::int) as n
         returning id
       )
       insert into howdah.limits (tenant_id, scope, subject_id, metric, period, max_value)
       select $1, 'user', id, 'requests', 'day', 9 from people`,
      [tenant, others],
    );
    // without statistics, row-level security hides the distribution of metrics
    await db.pool.query('analyze howdah.limits');
    const touched = (client: pg.PoolClient) =>
      one(
        client,
        `select sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd)::int as rows,
           sum(seq_scan + coalesce(idx_scan, 0)) filter (where relname = 'limit_counters')::int as scans
         from pg_stat_xact_all_tables where relname in ('limits', 'limit_counters')`,
      );
    const client = await db.pool.connect();
    try {
      await client.query('begin');
      const before = await touched(client);
      const id = await makeRun(client, { tenant_id: tenant, agent_id: agent });
      await finish(client, worker, id);
      expect(await touched(client)).toEqual(before);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });

  describe('a limit row', () => {
    const insert = (columns: Limit) => refusal(limit(columns));
    const asTenant = (text: string, values: unknown[] = []) =>
      asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, (client) =>
        client.query(text, values),
      );

    test.each<[string, Partial<Limit>, string]>([
      [
        'of the system with a subject',
        { scope: 'system', subject_id: randomUUID() },
        'a_tenant_a_key_and_the_system_have_no_subject',
      ],
      [
        'of a tenant with is_per_tenant',
        { is_per_tenant: true },
        'a_limit_per_tenant_is_of_the_system',
      ],
      ['with a negative value', { max_value: -1 }, 'max_value_is_zero_or_more'],
      [
        'for storage with a period',
        { metric: 'storage' },
        'storage_and_running_limits_have_no_period',
      ],
      [
        'for requests without a period',
        { metric: 'requests', period: null },
        'requests_have_a_period',
      ],
    ])('%s is rejected', async (_, columns, constraint) => {
      expect(await insert({ metric: 'runs', max_value: 1, ...columns })).toMatchObject({
        constraint,
      });
    });

    test('for a subject of another tenant is rejected, like a duplicate', async () => {
      const subject_id = await makeAgent(db.pool, {
        tenant_id: await makeTenant(db.pool, unique('q')),
      });
      const row = { metric: 'runs', max_value: 1 };
      expect(await insert({ scope: 'agent', subject_id, ...row })).toMatchObject({ code: 'HWNTF' });
      await limit(row);
      expect(await insert({ ...row, subject_id: tenant })).toMatchObject({ code: '23505' });
    });

    test('imposed by an owner can be tightened by the tenant, and the smaller value applies', async () => {
      const imposed = await limit({ metric: 'runs', max_value: 2 });
      const own = (max_value: number) =>
        committed(db.pool, async (client) => {
          await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant });
          await client.query(`delete from howdah.limits where not is_imposed`);
          await client.query(
            `insert into howdah.limits (metric, period, max_value) values ('runs', 'day', $1)`,
            [max_value],
          );
        });
      await own(1);
      await run();
      expect(await refusal(run())).toMatchObject({ code: 'HWQTA' });
      await own(5);
      await run();
      const refused = await refusal(run());
      expect(refused.fields).toMatchObject({ limit_id: imposed, used: 2 });
      expect(
        await refusal(own(5).then(() => limit({ metric: 'runs', max_value: 1 }))),
      ).toMatchObject({ code: '23505' });
    });

    test('is deleted with its subject', async () => {
      const session = await makeSession(db.pool, { tenant_id: tenant });
      await limit({ scope: 'session', subject_id: session, metric: 'runs', max_value: 1 });
      await db.pool.query('delete from howdah.sessions where id = $1', [session]);
      expect(
        await all(db.pool, 'select from howdah.limits where tenant_id = $1', [tenant]),
      ).toEqual([]);
    });

    test('is writable and readable by the tenant, except one that an owner imposed', async () => {
      const imposed = await limit({ metric: 'runs', max_value: 1 });
      const insertOne = `insert into howdah.limits (scope, metric, period, max_value) values ($1, 'runs', 'hour', 5)`;
      await asTenant(insertOne, ['tenant']);
      expect(await refusal(asTenant(insertOne, ['system']))).toMatchObject({ code: 'HWDEN' });
      for (const text of ['update howdah.limits set max_value = 9', 'delete from howdah.limits']) {
        expect(await refusal(asTenant(text))).toMatchObject({ code: 'HWDEN' });
      }
      const other = await makeTenant(db.pool, `limit-${randomUUID()}`);
      const usage = 'select limit_id from howdah.limit_usage';
      expect((await asTenant(usage)).rows).toEqual([{ limit_id: imposed }]);
      expect(
        await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': other }, (client) =>
          all(
            client,
            `${usage} union all select started_at::text::uuid from howdah_private.limit_use($1) where used is not null`,
            [imposed],
          ),
        ),
      ).toEqual([]);
    });
  });
});
