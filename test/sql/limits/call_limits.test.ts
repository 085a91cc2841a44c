import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  admitParked,
  all,
  answer,
  asRole,
  brokenRules,
  type ClaimedRun,
  claimOnce,
  commit,
  commitAsIs,
  completed,
  deleteLimits,
  isBlocked,
  makeAgent,
  makeModel,
  makeRuns,
  makeTenant,
  makeTool,
  makeWorker,
  one,
  openSession,
  refusal,
  statesOf,
  unique,
} from '../support.ts';

describe('call limits', () => {
  const db = testDatabase();
  let worker: string;
  let agent: string;
  let tenant: string;
  let tool: { id: string; name: string };

  beforeAll(async () => {
    worker = await makeWorker(db.pool);
    tenant = (await one(db.pool, `select id from howdah.tenants where slug = 'default'`)).id;
  });
  beforeEach(async () => {
    await deleteLimits(db.pool);
    await db.pool.query('delete from howdah_private.limited_calls');
    agent = await makeAgent(db.pool);
    const name = unique('tool');
    tool = { id: await makeTool(db.pool, { name, kind: 'custom' }), name };
  });

  type Called = { tool?: { id: string; name: string }; model?: { id: string; model: string } };
  const limit = async (columns: Record<string, unknown>) => {
    const period = columns.metric === 'running_calls' ? {} : { period: 'minute' };
    const row: Record<string, unknown> = { ...period, ...columns };
    const names = Object.keys(row);
    const text = `insert into howdah.limits (${names}) values (${names.map((_, n) => `$${n + 1}`)}) returning id`;
    return (await one(db.pool, text, Object.values(row))).id as string;
  };
  const ofTool = (metric: string, max_value: number) =>
    limit({ scope: 'tool', subject_id: tool.id, metric, max_value });
  const claim = (ids: string[]) => claimOnce(db.pool, worker, ids);
  const runs = (count: number, columns: Record<string, unknown> = {}) =>
    makeRuns(db.pool, count, { agent_id: agent, ...columns });
  const held = async (count: number, columns: Record<string, unknown> = {}) =>
    claim(await runs(count, columns));
  const begin = async (run: ClaimedRun | undefined, called: Called = { tool }, parks = true) =>
    one(
      db.pool,
      'select outcome, call_id from howdah_private.begin_call($1, $2, $3, $4, $5, $6, $7, $8)',
      [
        ...[worker, run?.id, run?.fence, called.tool?.id, called.tool?.name],
        ...[called.model?.id, called.model?.model, parks],
      ],
    ) as Promise<{ outcome: string; call_id: string | null }>;
  const outcomes = async (of: (ClaimedRun | undefined)[], called?: Called) => {
    const found: string[] = [];
    for (const run of of) found.push((await begin(run, called)).outcome);
    return found;
  };
  const end = (call_id: string | null, tokens = 0) =>
    db.pool.query('select howdah_private.end_call($1, $2)', [call_id, tokens]);
  /** Parks a run whose call was not admitted, as a worker does. */
  const park = (run: ClaimedRun | undefined) =>
    commit(db.pool, worker, [
      {
        ...{ id: run?.id ?? '', fence: run?.fence ?? 0, after: 0, steps: [] },
        ...{ to: { status: 'waiting', waiting_for: 'quota' }, more: true },
      },
    ]);
  const states = (of: (ClaimedRun | undefined)[]) =>
    statesOf(
      db.pool,
      of.map((run) => run?.id ?? ''),
    );
  /** Moves all calls into the past, by a minute less so many seconds. */
  const minuteLess = (seconds: number) =>
    db.pool.query(
      `update howdah_private.limited_calls set began_at = began_at - interval '60 s' + $1 * interval '1 s',
         ended_at = ended_at - interval '60 s' + $1 * interval '1 s'`,
      [seconds],
    );
  /** Returns the jobs that were planned for later, with the seconds from their planning. */
  const laterJobs = () =>
    all(
      db.pool,
      `select j.key, extract(epoch from j.run_at - j.updated_at)::float8 as seconds from graphile_worker._private_jobs as j
       join graphile_worker._private_tasks as t on t.id = j.task_id
       where t.identifier = 'admit' and j.run_at > j.updated_at order by 1`,
    );

  describe('concurrent calls', () => {
    test('a limit has a lock after an operator changed its id', async () => {
      const id = await ofTool('running_calls', 1);
      const changed = await one(
        db.pool,
        'update howdah.limits set id = howdah.uuid_v7() where id = $1 returning id',
        [id],
      );
      expect(
        await all(db.pool, 'select from howdah_private.limit_locks where lock_id = $1', [
          changed.id,
        ]),
      ).toHaveLength(1);
    });

    test('never exceed the limit; the next call starts when one ends', async () => {
      await ofTool('running_calls', 2);
      const [a, b, c] = await held(3);
      const first = await begin(a);
      expect([first.outcome, ...(await outcomes([b, c]))]).toEqual(['begun', 'begun', 'full']);
      await park(c);
      // checked after the run was parked: no capacity is free
      expect(await admitParked(db.pool)).toBe(0);
      await end(first.call_id);
      expect(await admitParked(db.pool)).toBe(1);
      expect(await states([a, b, c])).toEqual(['running', 'running', 'queued']);
      const [again] = await claim([c?.id ?? '']);
      expect((await begin(again)).outcome).toBe('begun');
    });

    test('count the same from one run as from many', async () => {
      await ofTool('running_calls', 2);
      const [run] = await held(1);
      expect(await outcomes([run, run, run])).toEqual(['begun', 'begun', 'full']);
    });

    test('two workers that begin calls concurrently never exceed the limit', async () => {
      await ofTool('running_calls', 3);
      for (let round = 0; round < 5; round += 1) {
        const all = await held(9);
        const found = await Promise.all(all.map((run) => begin(run)));
        expect(found.filter(({ outcome }) => outcome === 'begun')).toHaveLength(3);
        await Promise.all(found.map(({ call_id }) => call_id && end(call_id)));
      }
    });

    test('a request waits for an uncommitted request of another worker', async () => {
      await ofTool('running_calls', 1);
      const [a, b] = await held(2);
      const [session, asker] = [await openSession(db.url), await openSession(db.url)];
      try {
        await session.query('begin');
        await session.query(
          'select howdah_private.begin_call($1, $2, $3, $4, $5, null, null, true)',
          [worker, a?.id, a?.fence, tool.id, tool.name],
        );
        const other = asker.query(
          'select outcome from howdah_private.begin_call($1, $2, $3, $4, $5, null, null, true)',
          [worker, b?.id, b?.fence, tool.id, tool.name],
        );
        await isBlocked(db.pool, asker);
        await session.query('commit');
        expect((await other).rows).toEqual([{ outcome: 'full' }]);
      } finally {
        await session.end();
        await asker.end();
      }
    });

    test.each([
      [
        'its worker dies',
        async (run: ClaimedRun) => {
          await db.pool.query('select howdah_private.release_executions($1, $2, true)', [
            worker,
            [run.id],
          ]);
        },
      ],
      [
        'it is cancelled',
        async (run: ClaimedRun) => {
          await db.pool.query('select howdah.cancel_execution($1)', [run.id]);
        },
      ],
      [
        'it completes',
        async (run: ClaimedRun) => {
          const steps = [answer, { kind: 'output', output: 'done' }];
          await commit(db.pool, worker, [{ ...run, after: 0, steps, to: completed }]);
        },
      ],
    ])('the calls of a run end when %s', async (_, stop) => {
      await ofTool('running_calls', 1);
      const [a, b] = await held(2);
      expect(await outcomes([a, b])).toEqual(['begun', 'full']);
      await park(b);
      await db.pool.query('delete from graphile_worker._private_jobs');
      await stop(a as ClaimedRun);
      expect(await admitParked(db.pool)).toBe(1);
      expect((await states([b]))[0]).toBe('queued');
    });

    test('a run that the worker no longer owns cannot begin a call', async () => {
      await ofTool('running_calls', 1);
      const [a] = await held(1);
      await db.pool.query('select howdah.cancel_execution($1)', [a?.id]);
      expect((await begin(a)).outcome).toBe('stale');
      expect(await all(db.pool, 'select from howdah_private.limited_calls')).toEqual([]);
    });

    test('a call that ends while a run is being parked still admits it', async () => {
      await ofTool('running_calls', 1);
      const [a, b] = await held(2);
      const first = await begin(a);
      await begin(b);
      await end(first.call_id);
      // b still runs, and is checked again after it is parked
      expect(await admitParked(db.pool)).toBe(0);
      await park(b);
      expect(await states([b])).toEqual(['queued']);
    });
  });

  describe('calls per minute', () => {
    test('never exceed the limit in any 60 seconds, and parked runs continue afterwards', async () => {
      await ofTool('calls', 2);
      const [a, b, c] = await held(3);
      const first = await begin(a);
      await end(first.call_id);
      await minuteLess(50);
      expect(await outcomes([b, c])).toEqual(['begun', 'full']);
      await park(c);
      await db.pool.query(
        `update graphile_worker._private_jobs set run_at = now() where key like 'limit %'`,
      );
      expect(await admitParked(db.pool)).toBe(0);
      const [job] = await laterJobs();
      expect(job?.seconds).toBeGreaterThan(0);
      expect(job?.seconds).toBeLessThan(50.1);
      await minuteLess(0);
      await db.pool.query(
        `update graphile_worker._private_jobs set run_at = now() where key like 'limit %'`,
      );
      expect(await admitParked(db.pool)).toBe(1);
      expect(await states([c])).toEqual(['queued']);
    });

    test('runs that remain parked are checked again in a second', async () => {
      await ofTool('calls', 1);
      const [a, b, c] = await held(3);
      await outcomes([a, b, c]);
      await park(b);
      await park(c);
      await minuteLess(0);
      expect(await admitParked(db.pool)).toBe(1);
      expect(await states([b, c])).toEqual(['queued', 'quota']);
      expect((await laterJobs()).map(({ seconds }) => Math.round(seconds))).toEqual([1]);
    });

    test('tokens count when their call ends: until then another call may begin', async () => {
      const model = await makeModel(db.pool);
      await limit({ scope: 'model', subject_id: model, metric: 'tokens', max_value: 100 });
      const called = { model: { id: model, model: 'm' } };
      const [a, b, c] = await held(3);
      const first = await begin(a, called);
      const second = await begin(b, called);
      await end(first.call_id, 99);
      await minuteLess(40);
      await end(second.call_id, 2);
      expect((await begin(c, called)).outcome).toBe('full');
      await park(c);
      await db.pool.query(`update graphile_worker._private_jobs set run_at = now()`);
      await admitParked(db.pool);
      const [job] = await laterJobs();
      expect(job?.seconds).toBeLessThan(40.1); // when the first 99 tokens expire
      await minuteLess(20);
      expect((await begin(a, called)).outcome).toBe('begun');
    });
  });

  test('every applicable limit must allow a call', async () => {
    const model = await makeModel(db.pool);
    const name = unique('vendor');
    const ofModel = { scope: 'model', subject_id: model };
    await limit({ ...ofModel, metric: 'running_calls', max_value: 2 });
    await limit({ ...ofModel, metric: 'calls', max_value: 3 });
    await limit({ scope: 'model', key: name, metric: 'running_calls', max_value: 1 });
    const [a, b] = await held(2);
    const called = { model: { id: model, model: name } };
    const first = await begin(a, called);
    expect((await begin(b, called)).outcome).toBe('full');
    await end(first.call_id);
    expect((await begin(b, called)).outcome).toBe('begun');
    expect((await begin(a, { model: { id: model, model: 'other' } })).outcome).toBe('begun');
    expect((await begin(a, { model: { id: model, model: 'other' } })).outcome).toBe('full');
  });

  test('a limit of the installation counts calls of all tenants together', async () => {
    const other = await makeTenant(db.pool);
    const outsider = await makeAgent(db.pool, { tenant_id: other });
    await limit({ scope: 'tool', key: tool.name, metric: 'running_calls', max_value: 1 });
    const [mine] = await held(1);
    const [theirs] = await held(1, { tenant_id: other, agent_id: outsider });
    expect((await begin(mine)).outcome).toBe('begun');
    const namesake = { tool: { id: agent, name: tool.name } };
    expect((await begin(theirs, namesake)).outcome).toBe('full');
  });

  describe('a changed limit', () => {
    test('applies at once: raising it continues parked runs, lowering it stops no call', async () => {
      const id = await ofTool('running_calls', 1);
      const [a, b, c] = await held(3);
      await outcomes([a, b, c]);
      await park(b);
      await park(c);
      await db.pool.query('update howdah.limits set max_value = 3 where id = $1', [id]);
      expect(await admitParked(db.pool)).toBe(2);
      const again = await claim([b?.id, c?.id] as string[]);
      expect(await outcomes(again)).toEqual(['begun', 'begun']);
      await db.pool.query('update howdah.limits set max_value = 2 where id = $1', [id]);
      expect((await begin(a)).outcome).toBe('full');
    });

    test('releases all parked runs when deleted, a few hundred at a time', async () => {
      const id = await ofTool('calls', 1);
      const { rows } = await db.pool.query(
        `insert into howdah.executions (agent_id, input) select $1, 'x' from generate_series(1, 250) returning id`,
        [agent],
      );
      const all = await claim(rows.map((row) => row.id));
      await begin(all[0]);
      for (const run of all.slice(1)) await begin(run);
      await commit(
        db.pool,
        worker,
        all.slice(1).map(({ id: execution, fence }) => ({
          ...{ id: execution, fence, after: 0, steps: [] },
          ...{ to: { status: 'waiting', waiting_for: 'quota' }, more: true },
        })),
      );
      await db.pool.query('delete from graphile_worker._private_jobs');
      await db.pool.query('delete from howdah.limits where id = $1', [id]);
      expect([await admitParked(db.pool), await admitParked(db.pool)]).toEqual([200, 49]);
    });

    test('does not block calls while its update is uncommitted', async () => {
      const id = await ofTool('running_calls', 1);
      const [a] = await held(1);
      const session = await openSession(db.url);
      try {
        await session.query('begin');
        await session.query('update howdah.limits set max_value = 5 where id = $1', [id]);
        expect((await begin(a)).outcome).toBe('begun');
      } finally {
        await session.end();
      }
    });
  });

  describe('without a limit', () => {
    const limited = async (of: string) =>
      (
        await one(
          db.pool,
          'select howdah_private.are_calls_limited(tenant_id) as is from howdah.executions where id = $1',
          [of],
        )
      ).is;

    test('each claim and commit reports to the workers of the tenant that calls are unlimited', async () => {
      const other = await makeTenant(db.pool);
      const outsider = await makeAgent(db.pool, { tenant_id: other });
      await ofTool('running_calls', 1);
      const [mine] = await held(1);
      const [theirs] = await held(1, { tenant_id: other, agent_id: outsider });
      expect([mine, theirs].map((run) => run?.are_calls_limited)).toEqual([true, false]);
      expect([await limited(mine?.id ?? ''), await limited(theirs?.id ?? '')]).toEqual([
        true,
        false,
      ]);
      const found = await commitAsIs(
        db.pool,
        worker,
        [mine, theirs].map((run) => ({ ...(run as ClaimedRun), after: 0, steps: [answer] })),
      );
      expect(found.map((row) => row.are_calls_limited).toSorted()).toEqual([false, true]);
    });

    test('a call without an applicable limit stores nothing', async () => {
      await ofTool('running_calls', 1);
      const [a] = await held(1);
      expect(await begin(a, { tool: { id: agent, name: 'other' } })).toEqual({
        outcome: 'free',
        call_id: null,
      });
      expect(await all(db.pool, 'select from howdah_private.limited_calls')).toEqual([]);
    });
  });

  test('a parked run is cancelled, paused and resumed like any other', async () => {
    await ofTool('running_calls', 1);
    const [a, b, c, d] = await held(4);
    const first = await begin(a);
    for (const run of [b, c, d]) {
      await begin(run);
      await park(run);
    }
    await db.pool.query('select howdah.cancel_execution($1)', [b?.id]);
    await db.pool.query('select howdah.pause_execution($1)', [c?.id]);
    await end(first.call_id);
    expect(await admitParked(db.pool)).toBe(1); // the cancelled and the paused run are skipped
    expect(await states([b, c, d])).toEqual(['cancelled', 'paused', 'queued']);
    await db.pool.query('select howdah.resume_execution($1)', [c?.id]);
    expect(await states([c])).toEqual(['queued']);
  });

  test('a parked run without a wake-up is a violation and repaired; old calls are deleted', async () => {
    await ofTool('running_calls', 1);
    const [a, b] = await held(2);
    const first = await begin(a);
    await begin(b);
    await park(b);
    await end(first.call_id);
    await db.pool.query('delete from graphile_worker._private_jobs');
    await db.pool.query(
      `update howdah.executions set updated_at = now() - interval '1 minute' where id = $1`,
      [b?.id],
    );
    expect(await brokenRules(db.pool)).toEqual(['stuck_quota']);
    await minuteLess(-70);
    await db.pool.query('select howdah_private.repair_queue()');
    expect(await states([b])).toEqual(['queued']);
    expect(await all(db.pool, 'select from howdah_private.limited_calls')).toEqual([]);
  });

  test('usage and waiting runs are visible only to their tenant', async () => {
    const ids = [
      await ofTool('running_calls', 1),
      await ofTool('calls', 10),
      await limit({ scope: 'tool', key: tool.name, metric: 'calls', max_value: 10 }),
    ];
    const [a, b] = await held(2);
    await outcomes([a, b]);
    await park(b);
    const text =
      'select used, remaining, waiting from howdah.limit_usage where limit_id = any ($1) order by limit_id';
    const seenBy = (tenant_id: string) =>
      asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant_id }, (client) =>
        all(client, text, [ids]),
      );
    const [own, perMinute] = [
      { used: '1', remaining: '0', waiting: 1 },
      { used: '1', remaining: '9', waiting: 0 },
    ];
    // Only the owner of the database sees the figures of all tenants.
    expect(await seenBy(tenant)).toEqual([
      own,
      perMinute,
      { used: null, remaining: null, waiting: null },
    ]);
    expect(await all(db.pool, text, [ids])).toEqual([own, perMinute, perMinute]);
    expect(await seenBy(await makeTenant(db.pool))).toEqual([]);
    expect(
      await asRole(
        db.pool,
        'howdah_app',
        { 'howdah.tenant_id': await makeTenant(db.pool) },
        (client) => all(client, 'select * from howdah_private.limit_use($1)', [ids[0]]),
      ),
    ).toEqual([]);
  });

  describe('a limit is rejected', () => {
    const refused = (columns: Record<string, unknown>) => refusal(limit(columns));

    const calls = { metric: 'running_calls', max_value: 1 };

    test('with no subject or two, a maximum of zero, or tokens of a tool', async () => {
      const model = await makeModel(db.pool);
      expect(await refused(calls)).toMatchObject({
        code: 'HWINV',
        constraint: 'calls_are_of_a_model_or_a_tool',
      });
      const ofOne = { scope: 'tool', subject_id: tool.id };
      for (const columns of [{ scope: 'tool' }, { ...ofOne, key: 'x' }]) {
        expect(await refused({ ...columns, ...calls })).toMatchObject({
          constraint: 'a_limit_of_a_model_or_a_tool_has_a_subject_or_a_key',
        });
      }
      expect(await refused({ key: 'x', metric: 'runs', max_value: 1 })).toMatchObject({
        constraint: 'a_key_is_of_a_model_a_tool_or_runs',
      });
      expect(await refused({ ...ofOne, metric: 'calls', max_value: 0 })).toMatchObject({
        constraint: 'at_least_one_run_or_call_is_allowed',
      });
      expect(
        await refused({ ...ofOne, metric: 'calls', period: 'hour', max_value: 1 }),
      ).toMatchObject({ constraint: 'calls_and_tokens_of_a_model_are_counted_per_minute' });
      expect(await refused({ ...ofOne, metric: 'tokens', max_value: 9 })).toMatchObject({
        constraint: 'tokens_are_not_of_an_api_key_or_a_tool',
      });
      expect(await refused({ scope: 'tool', subject_id: model, ...calls })).toMatchObject({
        code: 'HWNTF',
      });
    });

    test('for a tool that starts a run or asks a person', async () => {
      const member = await makeAgent(db.pool);
      const id = await makeTool(db.pool, { name: unique('t'), kind: 'agent', agent_id: member });
      expect(await refused({ scope: 'tool', subject_id: id, ...calls })).toMatchObject({
        code: 'HWINV',
        hint: expect.stringContaining('running_runs'),
      });
      const { id: asking } = await one(
        db.pool,
        `select id from howdah.tools where name = 'ask_user' and tenant_id = $1`,
        [tenant],
      );
      expect(await refused({ scope: 'tool', subject_id: asking, ...calls })).toMatchObject({
        code: 'HWINV',
      });
    });

    test('from a tenant, when it applies to all tenants', async () => {
      const asApp = (text: string, values: unknown[] = []) =>
        refusal(
          asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, (client) =>
            client.query(text, values),
          ),
        );
      expect(
        await asApp(
          `insert into howdah.limits (scope, key, metric, max_value) values ('tool', 'x', 'running_calls', 1)`,
        ),
      ).toMatchObject({ code: 'HWDEN' });
      await limit({ scope: 'tool', key: 'x', ...calls });
      expect(await asApp('update howdah.limits set max_value = 9')).toMatchObject({
        code: 'HWDEN',
      });
      expect(await asApp('delete from howdah.limits')).toMatchObject({ code: 'HWDEN' });
      await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, (client) =>
        client.query(
          `insert into howdah.limits (scope, subject_id, metric, period, max_value) values ('tool', $1, 'calls', 'minute', 2)`,
          [tool.id],
        ),
      );
    });
  });
});
