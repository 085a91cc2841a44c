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
  failed,
  isBlocked,
  makeAgent,
  makeRun,
  makeRuns,
  makeTenant,
  makeWorker,
  one,
  openSession,
  refusal,
  spawn,
  statesOf,
  unique,
} from '../support.ts';

describe('limits on concurrency keys', () => {
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

  const limit = async (key: string | null, max_value: number): Promise<string> =>
    (
      await one(
        db.pool,
        `insert into howdah.limits (scope, key, metric, max_value) values ('key', $1, 'running_runs', $2) returning id`,
        [key, max_value],
      )
    ).id;
  const runs = (concurrency_key: string | null, count: number) =>
    makeRuns(db.pool, count, { agent_id: agent, concurrency_key });
  const claim = async (ids: string[]) =>
    (await claimOnce(db.pool, worker, ids)).map(({ id }) => id);
  const states = (ids: string[]) => statesOf(db.pool, ids);
  const end = (id: string) => complete(db.pool, worker, id);
  const usage = () =>
    all(
      db.pool,
      'select key, max_value, used, remaining, waiting from howdah.limit_usage order by key nulls first, max_value',
    );

  test('a limit of one key counts only its runs, across agents', async () => {
    await limit('customer-42', 1);
    const other = await makeAgent(db.pool);
    const mine = [
      ...(await runs('customer-42', 1)),
      await makeRun(db.pool, { agent_id: other, concurrency_key: 'customer-42' }),
    ];
    const free = [...(await runs('customer-7', 2)), ...(await runs(null, 2))];
    expect(await claim([...mine, ...free])).toHaveLength(5);
    expect(await states(mine)).toEqual(['running', 'quota']);
    expect(await states(free)).toEqual(['running', 'running', 'running', 'running']);
    await end(mine[0] as string);
    expect(await admitParked(db.pool)).toBe(1);
    expect(await states(mine)).toEqual(['completed', 'queued']);
    expect(await claim(mine)).toEqual([mine[1]]);
  });

  test('a limit for each key counts keys separately, and ignores runs without a key', async () => {
    await limit(null, 1);
    const [a, b, none] = [await runs('a', 3), await runs('b', 2), await runs(null, 2)];
    expect(await claim([...a, ...b, ...none])).toHaveLength(4);
    expect(await states(a)).toEqual(['running', 'quota', 'quota']);
    expect(await states(b)).toEqual(['running', 'quota']);
    expect(await usage()).toEqual([
      { key: 'a', max_value: '1', used: '1', remaining: '0', waiting: 2 },
      { key: 'b', max_value: '1', used: '1', remaining: '0', waiting: 1 },
    ]);
    await db.pool.query(`delete from graphile_worker._private_jobs where key is not null`);
    await end(b[0] as string);
    expect(await admitParked(db.pool)).toBe(1); // one run of b, none of a
    expect(await states(a)).toEqual(['running', 'quota', 'quota']);
    expect(await states(b)).toEqual(['completed', 'queued']);
  });

  test('a key with its own limit is exempt from the limit for each key', async () => {
    await limit(null, 1);
    const [big, small] = [await runs('big', 4), await runs('small', 2)];
    expect(await claim([...big, ...small])).toHaveLength(2);
    const own = await limit('big', 3);
    await admitParked(db.pool);
    expect(await claim([...big, ...small])).toHaveLength(2);
    expect(await states(big)).toEqual(['running', 'running', 'running', 'quota']);
    expect(await states(small)).toEqual(['running', 'quota']);
    expect(await usage()).toEqual([
      { key: 'big', max_value: '3', used: '3', remaining: '0', waiting: 1 },
      { key: 'small', max_value: '1', used: '1', remaining: '0', waiting: 1 },
    ]);
    await db.pool.query('delete from howdah.limits where id = $1', [own]);
    await admitParked(db.pool);
    expect(await claim(big)).toEqual([]); // three run, one is allowed
    for (const id of big.slice(0, 2)) await end(id);
    await admitParked(db.pool);
    expect(await claim(big)).toEqual([]);
    await end(big[2] as string);
    await admitParked(db.pool);
    expect(await claim(big)).toEqual([big[3]]);
  });

  test('an updated maximum or key applies at once', async () => {
    const id = await limit('a', 1);
    const [a, b] = [await runs('a', 3), await runs('b', 2)];
    await claim([...a, ...b]);
    await db.pool.query('update howdah.limits set max_value = 2 where id = $1', [id]);
    expect(await admitParked(db.pool)).toBe(1);
    await claim(a);
    expect(await states(a)).toEqual(['running', 'running', 'quota']);
    await db.pool.query(`update howdah.limits set key = 'b' where id = $1`, [id]);
    expect(await admitParked(db.pool)).toBe(1);
    expect(await claim(a)).toEqual([a[2]]);
    const [third] = await runs('b', 1);
    expect(await claim([third as string])).toEqual([]);
    await db.pool.query('delete from howdah.limits where id = $1', [id]);
    expect(await admitParked(db.pool)).toBe(1);
  });

  test('workers that claim concurrently never exceed the limit', async () => {
    await limit(null, 2);
    for (let round = 0; round < 5; round += 1) {
      const ids = [...(await runs('a', 8)), ...(await runs('b', 8))];
      const mixed = ids.map((_, n) => ids[(n * 5) % 16] as string);
      const claims = await Promise.all(
        [0, 1, 2, 3].map((n) => claim(mixed.slice(4 * n, 4 * n + 4))),
      );
      expect(claims.flat()).toHaveLength(4);
      expect((await states(ids.slice(0, 8))).filter((state) => state === 'running')).toHaveLength(
        2,
      );
      await db.pool.query('select howdah.cancel_execution(id) from unnest($1::uuid[]) as id', [
        ids,
      ]);
    }
  });

  test('workers that claim runs of two tenants in opposite order do not deadlock', async () => {
    const other = await makeTenant(db.pool);
    const keyed = async (tenant_id: string): Promise<[string, string]> => {
      await db.pool.query(
        `insert into howdah.limits (tenant_id, scope, metric, max_value)
         values ($1, 'key', 'running_runs', 1)`,
        [tenant_id],
      );
      const agent_id = await makeAgent(db.pool, { tenant_id });
      const columns = { tenant_id, agent_id, concurrency_key: 'customer-42' };
      return [await makeRun(db.pool, columns), await makeRun(db.pool, columns)];
    };
    const [low, high] = [tenant, other].toSorted() as [string, string];
    const ids = { low: await keyed(low), high: await keyed(high) };
    const [gate, first, second] = await Promise.all([
      openSession(db.url),
      openSession(db.url),
      openSession(db.url),
    ]);
    await gate.query('begin');
    await gate.query('select howdah_private.lock_limits($1)', [[low]]);
    const claimWith = async (client: typeof first, list: string[]) =>
      client.query('select execution_id from howdah_private.claim_executions($1, $2, 2, null)', [
        await makeWorker(db.pool),
        list,
      ]);
    const claimed = [
      claimWith(first, [ids.low[0], ids.high[0]]),
      claimWith(second, [ids.high[1], ids.low[1]]),
    ];
    await isBlocked(db.pool, first);
    await isBlocked(db.pool, second);
    await gate.query('commit');
    const results = await Promise.all(claimed);
    expect(results.flatMap(({ rows }) => rows)).toHaveLength(2);
    expect((await states([...ids.low, ...ids.high])).toSorted()).toEqual([
      'quota',
      'quota',
      'running',
      'running',
    ]);
    await Promise.all([gate, first, second].map((client) => client.end()));
  });

  test('a run parked while its key gets its own limit continues', async () => {
    await limit(null, 1);
    const [first, second] = await runs('a', 2);
    await claim([first as string]);
    const [claimer, admitter] = [await openSession(db.url), await openSession(db.url)];
    try {
      await claimer.query('begin');
      await claimer.query('select howdah_private.claim_executions($1, $2, 1, null)', [
        worker,
        [second],
      ]);
      await limit('a', 2);
      const admitted = admitParked(admitter);
      await isBlocked(db.pool, admitter);
      await claimer.query('commit');
      expect(await admitted).toBe(1);
      expect(await states([second as string])).toEqual(['queued']);
    } finally {
      await Promise.all([claimer.end(), admitter.end()]);
    }
  });

  test('admits by priority and age within a key, and skips runs that no longer wait', async () => {
    await limit(null, 1);
    const [first] = await runs('a', 1);
    const late = await makeRun(db.pool, { agent_id: agent, concurrency_key: 'a', priority: 3 });
    const gone = await makeRun(db.pool, { agent_id: agent, concurrency_key: 'a', priority: 1 });
    const soon = await makeRun(db.pool, { agent_id: agent, concurrency_key: 'a', priority: 2 });
    await claim([first, late, gone, soon] as string[]);
    await db.pool.query('select howdah.cancel_execution($1)', [gone]);
    await end(first as string);
    await admitParked(db.pool);
    expect(await states([late, soon])).toEqual(['quota', 'queued']);
  });

  test('a crash, a pause and a wait free the slot; resume and retry need one', async () => {
    await limit('a', 1);
    const ids = await runs('a', 4);
    const next = async () => {
      await admitParked(db.pool);
      return claim(ids);
    };
    await claim(ids);
    await db.pool.query('select howdah_private.release_executions($1, $2, true)', [
      worker,
      [ids[0]],
    ]);
    expect(await states(ids)).toEqual(['queued', 'quota', 'quota', 'quota']);
    expect(await claim(ids)).toEqual([ids[0]]);
    const { fence } = await one(db.pool, 'select fence from howdah.executions where id = $1', [
      ids[0],
    ]);
    const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 };
    await commit(db.pool, worker, [{ id: ids[0] as string, fence, after: 0, steps: [], to }]);
    expect(await next()).toEqual([ids[1]]);
    const failing = { id: ids[1] as string, fence: 1, after: 0, steps: [], to: failed };
    await commit(db.pool, worker, [failing]);
    await db.pool.query('select howdah.pause_execution($1)', [ids[2]]);
    expect(await next()).toEqual([ids[3]]);
    await db.pool.query('select howdah.resume_execution($1)', [ids[2]]);
    await db.pool.query('select howdah.retry_execution($1)', [ids[1]]);
    expect(await next()).toEqual([]);
    expect((await states(ids)).slice(1)).toEqual(['quota', 'quota', 'running']);
    await end(ids[3] as string);
    expect(await next()).toHaveLength(1);
  });

  test('a child has no key; a fork has the key of the original', async () => {
    await limit('a', 1);
    const [id] = await runs('a', 1);
    await claim([id as string]);
    const keyOf = async (of: string) =>
      (await one(db.pool, 'select concurrency_key from howdah.executions where id = $1', [of]))
        .concurrency_key;
    const child = await spawn(db.pool, worker, { id: id as string, fence: 1, after: 0 }, agent);
    expect(await keyOf(child)).toBeNull();
    const fork = await one(db.pool, 'select id from howdah.fork_execution($1, 0)', [id]);
    expect(await keyOf(fork.id)).toBe('a');
  });

  test('the explanation names the key', async () => {
    const id = await limit(null, 1);
    const ids = await runs('customer-42', 2);
    await claim(ids);
    const { explained } = await one(db.pool, 'select howdah.explain_execution($1) as explained', [
      ids[1],
    ]);
    const summary =
      'at most 1 run of the concurrency key "customer-42" may run at once, and this limit is reached';
    expect(explained).toMatchObject({
      reason: 'limit',
      summary,
      blocked_by: [{ kind: 'limit', id, name: 'customer-42', detail: summary }],
    });
  });

  test('without a limit no admit job is queued', async () => {
    const [id] = await runs('a', 1);
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

  test('a parked run without a wake-up is a violation and is repaired', async () => {
    await limit(null, 1);
    const ids = await runs('a', 2);
    await claim(ids);
    await db.pool.query('delete from graphile_worker._private_jobs');
    await db.pool.query(
      `update howdah.executions set updated_at = now() - interval '1 minute' where id = $1`,
      [ids[1]],
    );
    expect(await brokenRules(db.pool)).toEqual([]);
    await end(ids[0] as string);
    await db.pool.query('delete from graphile_worker._private_jobs');
    expect(await brokenRules(db.pool)).toEqual(['stuck_quota']);
    await db.pool.query('select howdah_private.repair_queue()');
    expect(await states(ids)).toEqual(['completed', 'queued']);
  });

  test.each([
    ['a key', `scope = 'key', subject_id = null`, `scope = 'agent', subject_id = $2`],
    ['an agent', `scope = 'agent', subject_id = $2`, `scope = 'key', subject_id = null`],
  ])(
    'a limit changed from %s to another scope releases its parked runs',
    async (_, before, after) => {
      const id = await limit('other', 1);
      const change = (columns: string) =>
        db.pool.query(
          `update howdah.limits set key = null, ${columns} where id = $1 and $2::uuid is not null`,
          [id, agent],
        );
      await change(before);
      const ids = await runs('a', 3);
      await claim(ids);
      expect(await states(ids)).toEqual(['running', 'quota', 'quota']);
      await change(after);
      await end(ids[0] as string);
      while ((await admitParked(db.pool)) > 0) {
        await claim(ids);
      }
      expect(await states(ids)).toEqual(['completed', 'running', 'quota']);
      await end(ids[1] as string);
      await admitParked(db.pool);
      expect(await claim(ids)).toEqual([ids[2]]);
    },
  );

  test('a member does not see keys of runs hidden from the member', async () => {
    const { id: user } = await one(
      db.pool,
      `insert into howdah.users (username, role) values ($1, 'member') returning id`,
      [unique('member')],
    );
    await limit(null, 1);
    const ids = await runs('secret-customer', 2);
    await claim(ids);
    const seen = (settings: Record<string, string>) =>
      asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant, ...settings }, async (client) =>
        all(client, 'select key, used, waiting from howdah.limit_usage'),
      );
    const row = [{ key: 'secret-customer', used: '1', waiting: 1 }];
    expect(await seen({ 'howdah.user_id': user })).toEqual(row);
    await db.pool.query(
      `insert into howdah.grants (agent_id, role, permission) values ($1, 'admin', 'run')`,
      [agent],
    );
    expect(await seen({ 'howdah.user_id': user })).toEqual([]);
  });

  describe('a limit row', () => {
    const insertLimit = (columns: string, values: string) =>
      refusal(db.pool.query(`insert into howdah.limits (${columns}) values (${values})`));

    test.each([
      ['scope, metric, period, max_value', `'key', 'runs', 'day', 5`, 'counts_running_runs'],
      ['scope, metric, max_value', `'key', 'storage', 5`, 'counts_running_runs'],
      ['scope, key, metric, max_value', `'key', ' ', 'running_runs', 5`, 'is_not_empty'],
      [
        'scope, subject_id, metric, max_value',
        `'key', gen_random_uuid(), 'running_runs', 5`,
        'no_subject',
      ],
      ['key, metric, max_value', `'a', 'running_runs', 5`, 'a_key_is_of_a_model_a_tool_or_runs'],
      ['scope, metric, max_value', `'key', 'running_runs', 0`, 'at_least_one_run_or_call'],
      ['scope, metric, period, max_value', `'key', 'running_runs', 'day', 1`, 'have_no_period'],
    ])('(%s) (%s) is rejected', async (columns, values, constraint) => {
      expect(await insertLimit(columns, values)).toMatchObject({
        code: 'HWINV',
        constraint: expect.stringContaining(constraint),
        hint: expect.stringMatching(/\S/),
      });
    });

    test('with a key that no run can have is rejected', async () => {
      expect(
        await insertLimit('scope, key, metric, max_value', `'key', e'a\\nb', 'running_runs', 1`),
      ).toMatchObject({ code: 'HWINV', fields: { field: 'key' } });
    });

    test('is written, changed and read by the tenant whose runs it limits', async () => {
      const theirs = await makeTenant(db.pool);
      const asApp = <T>(id: string, work: (client: import('pg').PoolClient) => Promise<T>) =>
        asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': id }, work);
      const made = `insert into howdah.limits (scope, key, metric, max_value) values ('key', 'a', 'running_runs', 2)`;
      await asApp(theirs, async (client) => {
        await client.query(made);
        await client.query('update howdah.limits set max_value = 3');
        expect(await all(client, 'select key, max_value, used from howdah.limit_usage')).toEqual([
          { key: 'a', max_value: '3', used: '0' },
        ]);
      });
      await limit('a', 1);
      const [mine] = await runs('a', 1);
      const [id, next] = [
        await makeRun(db.pool, {
          tenant_id: theirs,
          agent_id: await makeAgent(db.pool, { tenant_id: theirs }),
          concurrency_key: 'a',
        }),
        (await runs('a', 1))[0] as string,
      ];
      expect((await claim([mine as string, id, next])).sort()).toEqual([mine, id].sort());
      await asApp(theirs, async (client) => {
        expect(await all(client, 'select from howdah.limit_usage')).toEqual([]);
      });
      expect(
        await refusal(
          asApp(tenant, (client) =>
            client.query(
              `insert into howdah.limits (scope, key, metric, max_value) values ('model', 'gpt-5', 'running_calls', 2)`,
            ),
          ),
        ),
      ).toMatchObject({ code: 'HWDEN' });
    });
  });

  test.each([
    ['', 'is empty'],
    ['  ', 'is empty'],
    ['a\nb', 'contains a line break or another control character'],
    ['x'.repeat(501), 'has 501 characters, at most 500 are allowed'],
  ])('the key %j of a run is rejected', async (key, fault) => {
    expect(
      await refusal(makeRun(db.pool, { agent_id: agent, concurrency_key: key })),
    ).toMatchObject({ code: 'HWINV', message: `concurrency_key ${fault}` });
  });
});
