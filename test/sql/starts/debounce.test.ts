import type pg from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  brokenRules,
  claim,
  finish,
  isBlocked,
  jobsOf,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeWorker,
  one,
  openSession,
  plannedSeconds,
  refusal,
  rolledBack,
  unique,
} from '../support.ts';

const HOUR = 3_600_000;

describe('a debounced run', () => {
  const db = testDatabase();
  let worker: string;
  let agent: string;
  let tenant: string;
  let sessions: pg.Client[] = [];

  beforeAll(async () => {
    worker = await makeWorker(db.pool);
    tenant = (await one(db.pool, `select id from howdah.tenants where slug = 'default'`)).id;
  });
  beforeEach(async () => {
    expect(await brokenRules(db.pool)).toEqual([]);
    await db.pool.query('delete from howdah.limits');
    agent = await makeAgent(db.pool);
  });
  afterEach(async () => {
    await Promise.all(sessions.map((session) => session.end()));
    sessions = [];
  });

  type Columns = Record<string, unknown>;
  const insert = async (
    input: string,
    columns: Columns = {},
    on: Pick<pg.Pool, 'query'> = db.pool,
  ): Promise<string> => {
    const row = { agent_id: agent, input, debounce_key: 'k', debounce_ms: HOUR, ...columns };
    const names = Object.keys(row);
    const { rows } = await on.query(
      `insert into howdah.executions (${names.join(', ')})
       values (${names.map((_, at) => `$${at + 1}`).join(', ')}) returning id`,
      Object.values(row),
    );
    return rows[0].id;
  };
  const runs = (of = agent) =>
    all(
      db.pool,
      `select id, input, status::text, round(extract(epoch from run_at - now()))::int as starts_in
       from howdah.executions where agent_id = $1 order by id`,
      [of],
    );
  const inputs = async (of = agent) => (await runs(of)).map(({ input }) => input);
  const session = async () => {
    const client = await openSession(db.url);
    sessions.push(client);
    return client;
  };
  /** Ends the window of a run by making the run due. */
  const due = async (id: string) =>
    db.pool.query(`update howdah.executions set run_at = now() where id = $1`, [id]);

  test('is one run with the newest input, and each insert restarts its window', async () => {
    const id = await insert('one', { metadata: { n: 1 }, input_data: '[1]', priority: 4 });
    const { created_at } = await one(
      db.pool,
      'select created_at from howdah.executions where id = $1',
      [id],
    );
    expect(await insert('two', { debounce_ms: HOUR / 2 })).toBe(id);
    expect(await insert('three', { metadata: { n: 3 }, debounce_ms: 2 * HOUR })).toBe(id);
    expect(await runs()).toEqual([{ id, input: 'three', status: 'queued', starts_in: 7200 }]);
    expect(
      await one(
        db.pool,
        `select metadata, input_data, priority, created_at, root_execution_id, debounced_at > created_at as was_replaced
         from howdah.executions where id = $1`,
        [id],
      ),
    ).toEqual({
      metadata: { n: 3 },
      input_data: null,
      priority: 0,
      created_at,
      root_execution_id: id,
      was_replaced: true,
    });
    expect(Math.round((await plannedSeconds(db.pool, id)) / 3_600)).toBe(2);
    expect(await jobsOf(db.pool, id)).toHaveLength(1);
  });

  test('starts when its window ends, or at a later run_at of the insert', async () => {
    await insert('soon', { run_at: new Date(Date.now() + 60_000) });
    expect((await runs())[0]?.starts_in).toBe(3600);
    await insert('later', { run_at: new Date(Date.now() + 3 * HOUR) });
    expect((await runs())[0]?.starts_in).toBe(10_800);
  });

  test('takes the last row of each key from one statement', async () => {
    const { rows } = await db.pool.query(
      `insert into howdah.executions (agent_id, input, debounce_key, debounce_ms)
       select $1, x, left(x, 1), $2 from unnest('{a1,b1,a2,b2,a3}'::text[]) as x returning id, input`,
      [agent, HOUR],
    );
    expect(new Set(rows.map(({ id }) => id)).size).toBe(2);
    expect((await inputs()).sort()).toEqual(['a3', 'b2']);
    for (const { id } of await runs()) expect(await jobsOf(db.pool, id)).toHaveLength(1);
  });

  // Each new version of a row makes the next look-up of that row slower.
  test('writes the row of its key once for many rows of one statement', async () => {
    await rolledBack(db.pool, async (client) => {
      const writes = () =>
        one(
          client,
          `select n_tup_ins::int as inserts, n_tup_upd::int as updates
           from pg_stat_xact_user_tables where relid = 'howdah_private.debounced_runs'::regclass`,
        );
      const before = await writes(); // includes unreported writes of earlier transactions
      await client.query(
        `insert into howdah.executions (agent_id, input, debounce_key, debounce_ms)
         select $1, n, 'k', $2 from generate_series(1, 50) as n`,
        [agent, HOUR],
      );
      expect(await writes()).toEqual({ ...before, inserts: before.inserts + 1 });
    });
  });

  test('is returned by run() and run_workflow() for its key', async () => {
    const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
    const call = async (input: string) =>
      one(
        db.pool,
        `select id, input, concurrency_key from howdah.run($1, $2, concurrency_key => 'c',
           debounce_key => 'k', debounce_ms => 60000)`,
        [name, input],
      );
    const first = await call('one');
    expect(await call('two')).toEqual({ ...first, input: 'two', concurrency_key: 'c' });
    const { id: workflow_id, name: workflow } = await one(
      db.pool,
      `insert into howdah.workflows (name, type) values ($1, 'chain') returning id, name`,
      [unique('chain')],
    );
    await db.pool.query(
      'insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order) values ($1, $2, 1)',
      [workflow_id, agent],
    );
    const begin = (input: string) =>
      one(
        db.pool,
        `select id, input from howdah.run_workflow($1, $2, debounce_key => 'k', debounce_ms => 60000)`,
        [workflow, input],
      );
    const started = await begin('one');
    expect(started.id).not.toBe(first.id);
    expect(await begin('two')).toEqual({ id: started.id, input: 'two' });
  });

  test('is separate for each agent, tenant and caller', async () => {
    const other = await makeAgent(db.pool);
    const ids = [await insert('mine'), await insert('other agent', { agent_id: other })];
    const { id: user_id } = await one(
      db.pool,
      `insert into howdah.users (username, role) values ($1, 'member') returning id`,
      [unique('user')],
    );
    ids.push(await insert('of a user', { user_id }));
    const theirs = await makeTenant(db.pool);
    const agent_id = await makeAgent(db.pool, { tenant_id: theirs });
    ids.push(await insert('another tenant', { tenant_id: theirs, agent_id }));
    expect(new Set(ids).size).toBe(4);
    expect(await insert('mine again')).toBe(ids[0]);
    expect(await insert('of the user again', { user_id })).toBe(ids[2]);
    expect(await inputs()).toEqual(['mine again', 'of the user again']);
  });

  test('of one user is never changed by another user of the tenant', async () => {
    const users: string[] = [];
    for (const role of ['member', 'admin']) {
      const { id } = await one(
        db.pool,
        'insert into howdah.users (username, role) values ($1, $2) returning id',
        [unique('user'), role],
      );
      users.push(id);
    }
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, async (client) => {
      const as = async (user: string, input: string) => {
        await client.query(`select set_config('howdah.user_id', $1, true)`, [user]);
        return insert(input, {}, client);
      };
      const [member, admin] = users as [string, string];
      const first = await as(member, 'mine');
      expect(await as(admin, 'not yours')).not.toBe(first);
      expect(await as(member, 'mine too')).toBe(first);
      expect(
        await all(
          client,
          'select input, user_id from howdah.executions where agent_id = $1 order by id',
          [agent],
        ),
      ).toEqual([
        { input: 'mine too', user_id: member },
        { input: 'not yours', user_id: admin },
      ]);
    });
  });

  test('of one API key is never changed by another key of the same name', async () => {
    await db.pool.query(
      `select howdah.create_api_key('ci', r.role) from unnest('{member,admin}'::howdah.user_role[]) as r (role)`,
    );
    const keys = await all(db.pool, `select id from howdah.api_keys where name = 'ci'`);
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, async (client) => {
      const as = async (key: number, input: string) => {
        await client.query(`select set_config('howdah.api_key_id', $1, true)`, [keys[key]?.id]);
        return insert(input, {}, client);
      };
      const first = await as(0, 'mine');
      expect(await as(1, 'not yours')).not.toBe(first);
      expect(await as(0, 'mine too')).toBe(first);
    });
  });

  test('is never a run for which an insert was skipped on conflict', async () => {
    const plain = await makeRun(db.pool, { agent_id: agent, input: 'plain' });
    await db.pool.query(
      `insert into howdah.executions (id, agent_id, input, debounce_key, debounce_ms)
       values ($1, $2, 'ignored', 'stale', $3) on conflict do nothing`,
      [plain, agent, HOUR],
    );
    expect(await insert('one', { debounce_key: 'stale' })).not.toBe(plain);
    expect(await inputs()).toEqual(['plain', 'one']);
  });

  test('that is cancelled and retried violates no rule', async () => {
    const id = await insert('one');
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    await db.pool.query('select howdah_private.delete_old_debounces()');
    await db.pool.query('select howdah.retry_execution($1)', [id]);
    expect(await insert('two')).not.toBe(id);
    expect(await brokenRules(db.pool)).toEqual([]);
  });

  test('that has started is not changed: the next insert creates another', async () => {
    const first = await insert('one');
    await due(first);
    expect(await claim(db.pool, worker, [first])).toHaveLength(1);
    const second = await insert('two');
    expect(second).not.toBe(first);
    expect(await insert('three')).toBe(second);
    expect(await inputs()).toEqual(['one', 'three']);
    expect(await claim(db.pool, worker, [second])).toEqual([]); // its window is open
    await db.pool.query('select howdah.cancel_execution($1)', [second]);
    const third = await insert('four');
    expect(third).not.toBe(second);
    await db.pool.query('select howdah.retry_execution($1)', [second]);
    expect(await insert('five')).toBe(third);
    expect(await inputs()).toEqual(['one', 'three', 'five']);
  });

  test('takes the newest input after its window until a worker claims it', async () => {
    const id = await insert('one');
    await due(id);
    expect(await insert('two')).toBe(id);
    expect(await runs()).toEqual([{ id, input: 'two', status: 'queued', starts_in: 3600 }]);
  });

  test('that waits at a limit takes the newest input; a paused one stays paused', async () => {
    await db.pool.query(
      `insert into howdah.limits (scope, key, metric, max_value) values ('key', 'c', 'running_runs', 1)`,
    );
    const busy = await makeRun(db.pool, { agent_id: agent, concurrency_key: 'c' });
    await claim(db.pool, worker, [busy]);
    const id = await insert('one', { concurrency_key: 'c' });
    await due(id);
    expect(await claim(db.pool, worker, [id])).toEqual([]);
    expect(await insert('two', { concurrency_key: 'c' })).toBe(id);
    expect(
      await all(db.pool, 'select from howdah_private.parked_runs where execution_id = $1', [id]),
    ).toEqual([]);
    await db.pool.query('select howdah.pause_execution($1)', [id]);
    expect(await insert('three', { concurrency_key: 'c' })).toBe(id);
    expect((await runs())[1]).toMatchObject({ input: 'three', status: 'paused' });
    await db.pool.query('select howdah.resume_execution($1)', [id]);
    expect((await runs())[1]).toMatchObject({ input: 'three', status: 'queued' });
    expect(await jobsOf(db.pool, id)).toHaveLength(1);
  });

  test('loses input that was added before its replacement', async () => {
    const id = await insert('one');
    await db.pool.query(`select howdah.add_input($1, 'and more')`, [id]);
    await insert('two');
    await due(id);
    await claim(db.pool, worker, [id]);
    expect(
      await all(db.pool, 'select content from howdah.messages where execution_id = $1', [id]),
    ).toEqual([{ content: 'two' }]);
  });

  test('counts once against a limit of runs', async () => {
    await db.pool.query(
      `insert into howdah.limits (scope, subject_id, metric, period, max_value) values ('agent', $1, 'runs', 'day', 2)`,
      [agent],
    );
    for (const input of ['one', 'two', 'three']) await insert(input);
    await db.pool.query(
      `insert into howdah.executions (agent_id, input, debounce_key, debounce_ms)
       select $1, 'x', 'other', 1000 from generate_series(1, 3)`,
      [agent],
    );
    expect(await one(db.pool, 'select used from howdah.limit_usage')).toEqual({ used: '2' });
    await insert('four');
    expect(await refusal(insert('five', { debounce_key: 'third' }))).toMatchObject({
      code: 'HWQTA',
    });
  });

  test('is unchanged after an insert that rolls back', async () => {
    const id = await insert('one');
    const client = await session();
    await client.query('begin');
    expect(await insert('two', {}, client)).toBe(id);
    await client.query('rollback');
    expect(await inputs()).toEqual(['one']);
    await client.query('begin');
    await insert('new', { debounce_key: 'n' }, client);
    await client.query('rollback');
    await insert('newer', { debounce_key: 'n' });
    expect(await inputs()).toEqual(['one', 'newer']);
  });

  describe('under concurrency', () => {
    test('fifty concurrent inserts are one run, with the input of the last to commit', async () => {
      const clients = await Promise.all(Array.from({ length: 10 }, session));
      const order: string[] = []; // an insert keeps the lock of the key until its commit
      const ids = await Promise.all(
        clients.map(async (client, n) => {
          const own: string[] = [];
          for (const m of [0, 1, 2, 3, 4]) {
            await client.query('begin');
            own.push(await insert(`${n}.${m}`, {}, client));
            order.push(`${n}.${m}`);
            await client.query('commit');
          }
          return own;
        }),
      );
      expect(new Set(ids.flat()).size).toBe(1);
      expect(order).toHaveLength(50);
      expect(await inputs()).toEqual([order.at(-1)]);
    });

    test('the second insert waits for the first and replaces the input of its run', async () => {
      const [first, second] = [await session(), await session()];
      await first.query('begin');
      const id = await insert('one', {}, first);
      const waiting = insert('two', {}, second);
      await isBlocked(db.pool, second);
      await insert('other', { debounce_key: 'other' }); // another key does not wait
      await first.query('commit');
      expect(await waiting).toBe(id);
      expect(await inputs()).toEqual(['two', 'other']);
    });

    test('the second insert creates its own run when the first rolls back', async () => {
      const [first, second] = [await session(), await session()];
      await first.query('begin');
      const id = await insert('one', {}, first);
      const waiting = insert('two', {}, second);
      await isBlocked(db.pool, second);
      await first.query('rollback');
      expect(await waiting).not.toBe(id);
      expect(await inputs()).toEqual(['two']);
    });

    test('a claim before an insert keeps the run; an insert before a claim replaces its input', async () => {
      const id = await insert('one');
      await due(id);
      const [claimer, inserter] = [await session(), await session()];
      await claimer.query('begin');
      await claimer.query('select howdah_private.claim_executions($1, $2, 1, null)', [
        worker,
        [id],
      ]);
      const waiting = insert('two', {}, inserter);
      await isBlocked(db.pool, inserter);
      await claimer.query('commit');
      const next = await waiting;
      expect(next).not.toBe(id);
      await due(next);
      await inserter.query('begin');
      expect(await insert('three', {}, inserter)).toBe(next);
      expect(await claim(db.pool, worker, [next])).toEqual([]);
      await inserter.query('commit');
      expect(await claim(db.pool, worker, [next])).toEqual([]); // its window has started again
      expect(await inputs()).toEqual(['one', 'three']);
      await due(next);
      expect(await claim(db.pool, worker, [next])).toHaveLength(1);
    });

    test('a cancel that waits for an insert cancels the run with the new input', async () => {
      const id = await insert('one');
      const [inserter, canceller] = [await session(), await session()];
      await inserter.query('begin');
      await insert('two', {}, inserter);
      const cancelled = canceller.query('select howdah.cancel_execution($1)', [id]);
      await isBlocked(db.pool, canceller);
      await inserter.query('commit');
      await cancelled;
      expect(await runs()).toMatchObject([{ id, input: 'two', status: 'cancelled' }]);
    });

    test('an insert with an older snapshot is rejected and creates no second run', async () => {
      const client = await session();
      await client.query('begin isolation level repeatable read');
      await client.query('select from howdah.executions limit 1');
      await insert('one');
      expect(await refusal(insert('two', {}, client))).toMatchObject({ code: '40001' });
      await client.query('rollback');
      expect(await inputs()).toEqual(['one']);
    });

    test('two statements with many keys in one order do not deadlock', async () => {
      const [first, second] = [await session(), await session()];
      const many = (client: pg.Client, word: string) =>
        client.query(
          `insert into howdah.executions (agent_id, input, debounce_key, debounce_ms)
           select $1, $2, 'key ' || n, 60000 from generate_series(101, 200) as n`,
          [agent, word],
        );
      for (let round = 0; round < 5; round += 1) {
        await Promise.all([many(first, 'a'), many(second, 'b')]);
      }
      expect(await runs()).toHaveLength(100);
    });
  });

  test('of an earlier month is cancelled and replaced by a new one', async () => {
    await db.pool.query(`select howdah_private.ensure_month(now() - interval '40 days')`);
    const { id } = await one(
      db.pool,
      `select overlay(howdah.uuid_v7_floor(now() - interval '40 days')::text placing 'b000-000000000001' from 20) as id`,
    );
    expect(await insert('one', { id })).toBe(id);
    const next = await insert('two');
    expect(next).not.toBe(id);
    expect(await insert('three')).toBe(next);
    expect(await runs()).toMatchObject([
      { id, input: 'one', status: 'cancelled' },
      { id: next, input: 'three', status: 'queued' },
    ]);
  });

  test('that exists twice is reported as a violation', async () => {
    await insert('one');
    await db.pool.query('alter table howdah.executions disable trigger user');
    try {
      await db.pool.query(
        `insert into howdah.executions (id, root_execution_id, agent_id, agent_version_id, input, created_by,
           max_steps, max_seconds, debounce_key, debounce_ms)
         select n.id, n.id, e.agent_id, e.agent_version_id, e.input, e.created_by, 1, 1, e.debounce_key, 1
         from howdah.executions as e, (select howdah.uuid_v7() as id) as n where e.agent_id = $1`,
        [agent],
      );
    } finally {
      await db.pool.query('alter table howdah.executions enable trigger user');
    }
    expect(await brokenRules(db.pool)).toContain('debounced_twice');
    await db.pool.query(
      'select howdah.cancel_execution(id) from howdah.executions where agent_id = $1',
      [agent],
    );
  });

  test('leaves no row of its key behind once it has started', async () => {
    const id = await insert('one', { debounce_key: unique('key') });
    const keys = () =>
      all(db.pool, 'select from howdah_private.debounced_runs where execution_id = $1', [id]);
    await db.pool.query('select howdah_private.repair_queue()');
    expect(await keys()).toHaveLength(1);
    await due(id);
    await finish(db.pool, worker, id);
    await db.pool.query('select howdah_private.repair_queue()');
    expect(await keys()).toEqual([]);
  });

  test('loses its keys when its contents are erased', async () => {
    const { id: user_id } = await one(
      db.pool,
      `insert into howdah.users (username, role) values ($1, 'member') returning id`,
      [unique('user')],
    );
    const canary = unique('canary');
    const columns = { user_id, debounce_key: canary, concurrency_key: canary };
    const id = await insert('one', columns);
    await due(id);
    await finish(db.pool, worker, id);
    await db.pool.query('select howdah.erase_user($1)', [user_id]);
    expect(
      await one(
        db.pool,
        `select e.concurrency_key, e.debounce_key, exists (
           select from howdah_private.debounced_runs as d where d.key = $2
         ) as is_stored
         from howdah.executions as e where e.id = $1`,
        [id, canary],
      ),
    ).toEqual({ concurrency_key: null, debounce_key: null, is_stored: false });
  });

  test('can be replaced while its user is erased, without a deadlock', async () => {
    const { id: user_id } = await one(
      db.pool,
      `insert into howdah.users (username, role) values ($1, 'member') returning id`,
      [unique('user')],
    );
    const id = await insert('one', { user_id });
    const [inserting, erasing] = [await session(), await session()];
    await inserting.query('begin');
    await inserting.query(
      'select from howdah_private.debounced_runs where execution_id = $1 for update',
      [id],
    );
    const erased = refusal(
      erasing.query(`select howdah.erase_user($1, 'anonymise', true)`, [user_id]),
    ).catch((error) => error.message);
    await isBlocked(db.pool, erasing);
    expect(await insert('two', { user_id }, inserting)).toBe(id);
    await inserting.query('commit');
    expect(await erased).toBe('this was not refused');
    expect(await runs()).toMatchObject([{ id, input: '[erased]', status: 'cancelled' }]);
  });

  describe('is rejected', () => {
    test.each([
      [{ debounce_ms: null }, 'debounce_ms', 'debounce_key needs debounce_ms'],
      [{ debounce_key: null }, 'debounce_key', 'debounce_ms needs a debounce_key'],
      [{ debounce_ms: 0 }, 'debounce_ms', 'must be a positive number of milliseconds, not 0'],
      [{ debounce_ms: -5 }, 'debounce_ms', 'must be a positive number of milliseconds, not -5'],
      [{ debounce_key: '' }, 'debounce_key', 'is empty'],
      [{ debounce_key: 'a\tb' }, 'debounce_key', 'contains a line break'],
      [{ debounce_key: 'x'.repeat(501) }, 'debounce_key', 'has 501 characters'],
      [{ idempotency_key: 'i' }, 'idempotency_key', 'not both'],
    ])('with %j', async (columns, field, message) => {
      expect(await refusal(insert('one', columns))).toMatchObject({
        code: 'HWINV',
        message: expect.stringContaining(message),
        detail: expect.stringContaining(`"field": "${field}"`),
        hint: expect.stringMatching(/\S/),
      });
      expect(await runs()).toEqual([]);
    });

    test('in a session or below a parent', async () => {
      const session_id = await makeSession(db.pool, { agent_id: agent });
      expect(await refusal(insert('one', { session_id }))).toMatchObject({
        code: 'HWINV',
        message: 'a run in a session cannot be debounced',
      });
      const parent_execution_id = await makeRun(db.pool, { agent_id: agent });
      expect(await refusal(insert('one', { parent_execution_id }))).toMatchObject({
        code: 'HWINV',
        message: 'a child run cannot be debounced',
      });
    });
  });
});
