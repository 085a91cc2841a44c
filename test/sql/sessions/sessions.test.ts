import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { inTransaction } from '../../../src/db/connection/pool.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import {
  all,
  claim,
  commit,
  completed,
  failed,
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
  refusal,
  release,
  testClient,
} from '../support.ts';

describe('turns of a session', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });

  const say = (session: string) => makeRun(db.pool, { agent_id: agent, session_id: session });
  const statusOf = async (id: string) =>
    one(db.pool, 'select status, waiting_for, turn from howdah.executions where id = $1', [id]);
  const liveOf = async (session: string) =>
    (await one(db.pool, 'select live_execution_id from howdah.sessions where id = $1', [session]))
      .live_execution_id;

  /** Waits until `waiter` waits for a lock of `holder`. */
  const waitsFor = async (holder: pg.PoolClient, waiter: pg.PoolClient) => {
    const [pid, of] = [holder, waiter].map(
      (client) => (client as never as { processID: number }).processID,
    );
    await eventually(db.pool, 'waits', 'select 1 where $1::int = any (pg_blocking_pids($2))', [
      pid,
      of,
    ]);
  };

  test('the first run is live; the next ones wait in order without a wake-up', async () => {
    const session = await makeSession(db.pool);
    const [first, second, third] = [await say(session), await say(session), await say(session)];
    expect(await statusOf(first)).toEqual({ status: 'queued', waiting_for: null, turn: 1 });
    expect(await statusOf(second)).toEqual({ status: 'waiting', waiting_for: 'turn', turn: 2 });
    expect(await statusOf(third)).toEqual({ status: 'waiting', waiting_for: 'turn', turn: 3 });
    expect(await liveOf(session)).toBe(first);
    expect(await jobsOf(db.pool, second)).toEqual([]);
    expect(await claim(db.pool, worker, [second, third])).toEqual([]);
  });

  test('runs inserted by one statement get a turn each', async () => {
    const session = await makeSession(db.pool);
    await db.pool.query(
      `insert into howdah.executions (agent_id, session_id, input)
       select $1, $2, 'n ' || n from generate_series(1, 20) as n`,
      [agent, session],
    );
    const { turns, queued } = await one(
      db.pool,
      `select array_agg(turn order by turn) as turns, count(*) filter (where status = 'queued')::int as queued
       from howdah.executions where session_id = $1`,
      [session],
    );
    expect(turns).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(queued).toBe(1);
  });

  test('concurrent callers get a turn each', async () => {
    const session = await makeSession(db.pool);
    await Promise.all(Array.from({ length: 20 }, () => say(session)));
    const { turns, queued } = await one(
      db.pool,
      `select array_agg(turn order by turn) as turns, count(*) filter (where status = 'queued')::int as queued
       from howdah.executions where session_id = $1`,
      [session],
    );
    expect(turns).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(queued).toBe(1);
  });

  const ends: [string, (id: string) => Promise<unknown>][] = [
    ['completed', (id) => finish(db.pool, worker, id, completed)],
    ['failed', (id) => finish(db.pool, worker, id, failed)],
    ['cancelled', (id) => db.pool.query('select howdah.cancel_execution($1)', [id])],
    [
      'failed as poison',
      async (id) => {
        await claim(db.pool, worker, [id]);
        await db.pool.query(
          'update howdah.executions set crashes_without_progress = 2, at_risk = true where id = $1',
          [id],
        );
        await db.pool.query('select howdah_private.release_executions($1, $2, true)', [
          worker,
          [id],
        ]);
      },
    ],
  ];
  test.each(ends)('the next run is queued when the live one has %s', async (_how, end) => {
    const session = await makeSession(db.pool);
    const [first, second, third] = [await say(session), await say(session), await say(session)];
    await end(first);
    expect(await statusOf(second)).toEqual({ status: 'queued', waiting_for: null, turn: 2 });
    expect(await statusOf(third)).toMatchObject({ status: 'waiting' });
    expect(await liveOf(session)).toBe(second);
    expect(await jobsOf(db.pool, second)).toHaveLength(1);
    expect(await claim(db.pool, worker, [second])).toHaveLength(1);
  });

  test('a session is idle after its last run ends', async () => {
    const session = await makeSession(db.pool);
    await finish(db.pool, worker, await say(session));
    expect(await liveOf(session)).toBeNull();
    expect(await statusOf(await say(session))).toMatchObject({ status: 'queued', turn: 2 });
  });

  test('a run cancelled while it waits loses its turn, and other runs keep theirs', async () => {
    const session = await makeSession(db.pool);
    const [first, second, third] = [await say(session), await say(session), await say(session)];
    await db.pool.query('select howdah.cancel_execution($1)', [second]);
    expect(await liveOf(session)).toBe(first);
    expect(await statusOf(third)).toMatchObject({ status: 'waiting' });
    await finish(db.pool, worker, first);
    expect(await liveOf(session)).toBe(third);
    expect(await statusOf(third)).toMatchObject({ status: 'queued' });
  });

  test('a parked run keeps its turn', async () => {
    const session = await makeSession(db.pool);
    const [first, second] = [await say(session), await say(session)];
    const [run] = await claim(db.pool, worker, [first]);
    const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 };
    await commit(db.pool, worker, [{ id: first, fence: run?.fence, after: 0, steps: [], to }]);
    expect(await liveOf(session)).toBe(first);
    expect(await statusOf(second)).toMatchObject({ status: 'waiting' });
  });

  test('a live run that ends while the next one is cancelled passes its turn to the third', async () => {
    const session = await makeSession(db.pool);
    const [first, second, third] = [await say(session), await say(session), await say(session)];
    const canceller = await testClient(db.pool);
    await canceller.query('begin');
    await canceller.query('select howdah.cancel_execution($1)', [second]);
    const finisher = await testClient(db.pool);
    const finished = finish(finisher, worker, first);
    await isBlocked(db.pool, finisher);
    await canceller.query('commit');
    await finished;
    expect(await statusOf(first)).toMatchObject({ status: 'completed' });
    expect(await statusOf(second)).toMatchObject({ status: 'cancelled' });
    expect(await statusOf(third)).toMatchObject({ status: 'queued' });
    expect(await liveOf(session)).toBe(third);
  });

  test('a cancel that holds the next run does not deadlock with the live run ending', async () => {
    const session = await makeSession(db.pool);
    const [first, second, third] = [await say(session), await say(session), await say(session)];
    const canceller = await testClient(db.pool);
    await canceller.query('begin');
    // cancel_execution locks the run first
    await canceller.query('select 1 from howdah.executions where id = $1 for no key update', [
      second,
    ]);
    const finisher = await testClient(db.pool);
    const finished = finish(finisher, worker, first);
    await isBlocked(db.pool, finisher);
    await canceller.query('select howdah.cancel_execution($1)', [second]);
    await canceller.query('commit');
    await finished;
    expect(await statusOf(first)).toMatchObject({ status: 'completed' });
    expect(await statusOf(second)).toMatchObject({ status: 'cancelled' });
    expect(await liveOf(session)).toBe(third);
  });

  test.each(['ended by their worker', 'terminated'])(
    'sessions of runs that are %s together are locked in the order of ids',
    async (how) => {
      const [low, high] = [await makeSession(db.pool), await makeSession(db.pool)].sort();
      if (!low || !high) throw new Error('there are two sessions');
      const ids = [await say(high), await say(low)];
      const runs = await claim(db.pool, worker, ids);
      const [holder, ender] = [await openSession(db.url), await openSession(db.url)];
      await holder.query('begin');
      await holder.query('select from howdah.sessions where id = $1 for update', [low]);
      const ended =
        how === 'terminated'
          ? ender.query(`select howdah_private.terminate_runs($1, 'cancelled', null)`, [ids])
          : commit(
              ender,
              worker,
              runs.map(({ execution_id: id, fence }) => ({
                id,
                fence,
                after: 0,
                steps: [{ kind: 'output', output: completed.output }],
                to: completed,
              })),
            );
      await isBlocked(db.pool, ender);
      const free = await all(
        db.pool,
        'select id from howdah.sessions where id = $1 for update skip locked',
        [high],
      );
      expect(free).toEqual([{ id: high }]);
      await holder.end();
      await ended;
      await ender.end();
      expect([await liveOf(low), await liveOf(high)]).toEqual([null, null]);
    },
  );

  test.each(['ended by their worker', 'terminated', 'poison'])(
    'next runs of runs that are %s together are locked in the order of ids',
    async (how) => {
      const own = await makeWorker(db.pool);
      const sessions = [await makeSession(db.pool), await makeSession(db.pool)] as const;
      const ids = [await say(sessions[0]), await say(sessions[1])];
      const low = await say(sessions[1]);
      const high = await say(sessions[0]);
      const runs = await claim(db.pool, own, ids);
      const [holder, ender] = [await testClient(db.pool), await testClient(db.pool)];
      await holder.query('begin');
      await holder.query('select from howdah.executions where id = $1 for no key update', [low]);
      const endings: Record<string, () => Promise<unknown>> = {
        terminated: () =>
          ender.query(`select howdah_private.terminate_runs($1, 'cancelled', null)`, [ids]),
        poison: async () => {
          const harm =
            'update howdah.executions set crashes_without_progress = 2, at_risk = true where id = any ($1)';
          await db.pool.query(harm, [ids]);
          await release(ender, own, true);
        },
        'ended by their worker': () =>
          commit(
            ender,
            own,
            runs.map(({ execution_id: id, fence }) => ({
              id,
              fence,
              after: 0,
              steps: [{ kind: 'output', output: completed.output }],
              to: completed,
            })),
          ),
      };
      const ended = endings[how]?.();
      await isBlocked(db.pool, ender);
      await holder.query('select from howdah.executions where id = $1 for no key update nowait', [
        high,
      ]);
      await holder.query('select howdah.cancel_execution($1)', [low]);
      await holder.query('commit');
      await ended;
      expect(await statusOf(high)).toMatchObject({ status: 'queued' });
      expect([await liveOf(sessions[0]), await liveOf(sessions[1])]).toEqual([high, null]);
    },
  );

  // The end of the live run has read the third run as waiting, before the third run was stopped.
  test.each([
    ['paused', 'resumed', 'pause_execution', 'resume_execution'],
    ['cancelled', 'retried', 'cancel_execution', 'retry_execution'],
  ])(
    'a waiting run that was %s and is %s while the live run ends becomes live',
    async (_was, _is, stop, goOn) => {
      const session = await makeSession(db.pool);
      const [first, second, third] = [await say(session), await say(session), await say(session)];
      const canceller = await testClient(db.pool);
      await canceller.query('begin');
      await canceller.query('select howdah.cancel_execution($1)', [second]);
      const finisher = await testClient(db.pool);
      const finished = finish(finisher, worker, first);
      await isBlocked(db.pool, finisher);
      await db.pool.query(`select howdah.${stop}($1)`, [third]);
      const controller = await testClient(db.pool);
      const controlled = controller.query(`select howdah.${goOn}($1)`, [third]);
      await isBlocked(db.pool, controller);
      await canceller.query('commit');
      await Promise.all([finished, controlled]);
      expect(await statusOf(first)).toMatchObject({ status: 'completed' });
      expect(await statusOf(third)).toMatchObject({ status: 'queued' });
      expect(await liveOf(session)).toBe(third);
    },
  );

  // The control that continues the run waits for the run's row before it locks the turn. The end of
  // the live run waits for that row before it passes the turn on.
  test.each([
    ['paused', 'resumed', 'pause_execution', 'resume_execution'],
    ['cancelled', 'retried', 'cancel_execution', 'retry_execution'],
  ])(
    'a run that is being %s and then %s while the live run ends becomes live',
    async (_was, _is, stop, goOn) => {
      const session = await makeSession(db.pool);
      const [first, second] = [await say(session), await say(session)];
      const stopper = await testClient(db.pool);
      await stopper.query('begin');
      await stopper.query(`select howdah.${stop}($1)`, [second]);
      const controller = await testClient(db.pool);
      const controlled = controller.query(`select howdah.${goOn}($1)`, [second]);
      await isBlocked(db.pool, controller);
      const finisher = await testClient(db.pool);
      const finished = finish(finisher, worker, first);
      await isBlocked(db.pool, finisher);
      await stopper.query('commit');
      await Promise.all([finished, controlled]);
      expect(await statusOf(first)).toMatchObject({ status: 'completed' });
      expect(await statusOf(second)).toMatchObject({ status: 'queued' });
      expect(await liveOf(session)).toBe(second);
    },
  );

  test('cancelling the next run while the live one ends ends both', async () => {
    const session = await makeSession(db.pool);
    const [first, second, third] = [await say(session), await say(session), await say(session)];
    const finisher = await testClient(db.pool);
    await finisher.query('begin');
    await finish(finisher, worker, first);
    const canceller = await testClient(db.pool);
    const cancelled = canceller.query('select howdah.cancel_execution($1)', [second]);
    await isBlocked(db.pool, canceller);
    await finisher.query('commit');
    await cancelled;
    expect(await statusOf(second)).toMatchObject({ status: 'cancelled' });
    expect(await statusOf(third)).toMatchObject({ status: 'queued' });
    expect(await liveOf(session)).toBe(third);
  });

  test('a message inserted while the live run ends gets its turn', async () => {
    const session = await makeSession(db.pool);
    const first = await say(session);
    const finisher = await testClient(db.pool);
    await finisher.query('begin');
    await finish(finisher, worker, first);
    const sender = await testClient(db.pool);
    const sent = makeRun(sender, { agent_id: agent, session_id: session });
    await isBlocked(db.pool, sender);
    await finisher.query('commit');
    const second = await sent;
    expect(await statusOf(second)).toMatchObject({ status: 'queued', turn: 2 });
    expect(await liveOf(session)).toBe(second);
  });

  test('a live run that ends while a message is inserted passes the turn to it', async () => {
    const session = await makeSession(db.pool);
    const first = await say(session);
    const sender = await testClient(db.pool);
    await sender.query('begin');
    const second = await makeRun(sender, { agent_id: agent, session_id: session });
    const finisher = await testClient(db.pool);
    const finished = finish(finisher, worker, first);
    await isBlocked(db.pool, finisher);
    await sender.query('commit');
    await finished;
    expect(await statusOf(second)).toMatchObject({ status: 'queued', turn: 2 });
    expect(await liveOf(session)).toBe(second);
  });

  test('a plain insert and run() with one key and one session do not deadlock', async () => {
    const session = await makeSession(db.pool);
    const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
    const holder = await testClient(db.pool);
    await holder.query('begin');
    await holder.query('select 1 from howdah.sessions where id = $1 for update', [session]);
    const [plain, runner] = [await testClient(db.pool), await testClient(db.pool)];
    const inserted = makeRun(plain, { agent_id: agent, session_id: session, idempotency_key: 'k' });
    await isBlocked(db.pool, plain);
    const ran = refusalOrRow(
      runner.query('select (howdah.run($1, $2, session_id => $3, idempotency_key => $4)).id', [
        name,
        'x',
        session,
        'k',
      ]),
    );
    await isBlocked(db.pool, runner);
    await holder.query('commit');
    const [id, row] = await Promise.all([inserted, ran]);
    expect(row).toEqual({ id });
  });

  test('two inserts into two sessions in opposite order do not deadlock', async () => {
    const [low, high] = [await makeSession(db.pool), await makeSession(db.pool)].toSorted();
    const [gate, first, second] = await Promise.all([1, 2, 3].map(() => db.pool.connect()));
    if (!gate || !first || !second) throw new Error('no connections');
    const insert = `insert into howdah.executions (agent_id, session_id, input)
      select $1, s.id, 'x' from unnest($2::uuid[]) with ordinality as s (id, place) order by s.place`;
    try {
      // Both statements have inserted their rows, and wait before they take a turn.
      await gate.query('begin');
      await gate.query('select from howdah.sessions where id = $1 for no key update', [low]);
      await first.query('begin');
      await second.query('begin');
      const inserted = [
        first.query(insert, [agent, [low, high]]).then(() => first.query('commit')),
        second.query(insert, [agent, [high, low]]).then(() => second.query('commit')),
      ];
      await isBlocked(db.pool, first);
      await isBlocked(db.pool, second);
      await gate.query('commit');
      await Promise.all(inserted);
    } finally {
      await gate.query('rollback');
      for (const client of [gate, first, second]) client.release();
    }
    for (const session of [low, high]) {
      const turns = `select turn, status, waiting_for, id = (select live_execution_id from howdah.sessions where id = $1) as live
        from howdah.executions where session_id = $1 order by turn`;
      const [live, waiting] = await all(db.pool, turns, [session]);
      expect(live).toEqual({ turn: 1, status: 'queued', waiting_for: null, live: true });
      expect(waiting).toEqual({ turn: 2, status: 'waiting', waiting_for: 'turn', live: false });
    }
  });

  test('two inserts that interrupt two sessions in opposite order do not deadlock', async () => {
    const make = () => makeSession(db.pool, { policy: 'interrupt' });
    const [low, high] = [await make(), await make()].toSorted() as [string, string];
    const live = [await say(low), await say(high)];
    const [gate, first, second] = await Promise.all([
      openSession(db.url),
      openSession(db.url),
      openSession(db.url),
    ]);
    const insert = `insert into howdah.executions (agent_id, session_id, input)
      select $1, s.id, 'x' from unnest($2::uuid[]) with ordinality as s (id, place) order by s.place`;
    try {
      await gate.query('begin');
      await gate.query('select from howdah.executions where id = any ($1) for no key update', [
        live,
      ]);
      const inserted = [first.query(insert, [agent, [low, high]])];
      await isBlocked(db.pool, first);
      inserted.push(second.query(insert, [agent, [high, low]]));
      await isBlocked(db.pool, second);
      await gate.query('commit');
      await Promise.all(inserted);
    } finally {
      await Promise.all([gate, first, second].map((client) => client.end()));
    }
    for (const session of [low, high]) {
      const turns = `select turn, status, id = (select live_execution_id from howdah.sessions where id = $1) as live
        from howdah.executions where session_id = $1 order by turn`;
      expect(await all(db.pool, turns, [session])).toEqual([
        { turn: 1, status: 'cancelled', live: false },
        { turn: 2, status: 'cancelled', live: false },
        { turn: 3, status: 'queued', live: true },
      ]);
    }
  });

  test('a run that becomes live while others are interrupted is locked in the order of ids', async () => {
    const [first, second] = [await makeSession(db.pool), await makeSession(db.pool)];
    const live = await say(first);
    const next = await say(first);
    const other = await say(second);
    await db.pool.query(`update howdah.sessions set policy = 'interrupt' where id = any ($1)`, [
      [first, second],
    ]);
    const [finisher, inserter, holder] = [
      await testClient(db.pool),
      await testClient(db.pool),
      await testClient(db.pool),
    ];
    const gate = await testClient(db.pool);
    await finisher.query('begin');
    await finish(finisher, worker, live);
    await gate.query('begin');
    await gate.query('select from howdah.executions where id = $1 for no key update', [other]);
    const inserted = inserter.query(
      `insert into howdah.executions (agent_id, session_id, input)
       select $1, s.id, 'x' from unnest($2::uuid[]) as s (id) returning id`,
      [agent, [first, second]],
    );
    await isBlocked(db.pool, inserter);
    await finisher.query('commit');
    await waitsFor(gate, inserter);
    await holder.query('begin');
    await holder.query('select from howdah.executions where id = $1 for no key update', [next]);
    await gate.query('commit');
    await waitsFor(holder, inserter);
    await holder.query('select from howdah.executions where id = $1 for no key update nowait', [
      other,
    ]);
    await holder.query('commit');
    const ids = (await inserted).rows.map(({ id }) => id);
    expect(await statusOf(next)).toMatchObject({ status: 'cancelled' });
    expect(await statusOf(other)).toMatchObject({ status: 'cancelled' });
    expect([await liveOf(first), await liveOf(second)]).toEqual(ids);
  });

  test('waiting runs of interrupted sessions are locked in the order of ids', async () => {
    const [a, b] = [await makeSession(db.pool), await makeSession(db.pool)].toSorted() as [
      string,
      string,
    ];
    await say(a);
    await say(b);
    const low = await say(b);
    const high = await say(a);
    await db.pool.query(`update howdah.sessions set policy = 'interrupt' where id = any ($1)`, [
      [a, b],
    ]);
    const [holder, inserter] = [await testClient(db.pool), await testClient(db.pool)];
    await holder.query('begin');
    await holder.query('select from howdah.executions where id = $1 for no key update', [low]);
    const inserted = inserter.query(
      `insert into howdah.executions (agent_id, session_id, input)
       select $1, s.id, 'x' from unnest($2::uuid[]) as s (id)`,
      [agent, [a, b]],
    );
    await isBlocked(db.pool, inserter);
    await holder.query('select from howdah.executions where id = $1 for no key update nowait', [
      high,
    ]);
    await holder.query('commit');
    await inserted;
    for (const id of [low, high]) expect(await statusOf(id)).toMatchObject({ status: 'cancelled' });
  });

  test('a run inserted before its session switches to interrupt does not cancel itself', async () => {
    const session = await makeSession(db.pool);
    const live = await say(session);
    const statement = `insert into howdah.executions (agent_id, session_id, input)
      select $1, x.session_id, x.input
      from (select $2::uuid as session_id, 'first' as input
        union all select null, pg_temp.begin_to_interrupt($2)) as x returning id`;
    const rows = await inTransaction(db.pool, async (client) => {
      // Changes the policy after the first row has asked for its turn.
      await client.query(`create function pg_temp.begin_to_interrupt(session uuid) returns text
        language plpgsql as $$ begin
          update howdah.sessions set policy = 'interrupt' where id = session; return 'second';
        end $$`);
      return (await client.query(statement, [agent, session])).rows;
    });
    expect(await statusOf(live)).toMatchObject({ status: 'cancelled' });
    expect(await statusOf(rows[0].id)).toMatchObject({ status: 'queued', turn: 2 });
    expect(await liveOf(session)).toBe(rows[0].id);
    expect(await jobsOf(db.pool, rows[0].id)).toHaveLength(1);
  });

  test('the last of several runs inserted into a session with interrupt by one statement is live', async () => {
    const session = await makeSession(db.pool, { policy: 'interrupt' });
    const live = await say(session);
    const ids = (
      await all(
        db.pool,
        `insert into howdah.executions (agent_id, session_id, input)
         select $1, $2, 'x' from generate_series(1, 3) returning id`,
        [agent, session],
      )
    ).map(({ id }) => id as string);
    const states = await all(
      db.pool,
      `select turn, status, exists (select from graphile_worker._private_jobs as j where j.key = e.id::text) as has_wake_up
       from howdah.executions as e where id = any ($1) order by turn`,
      [[live, ...ids]],
    );
    expect(states).toEqual([
      { turn: 1, status: 'cancelled', has_wake_up: false },
      { turn: 2, status: 'cancelled', has_wake_up: false },
      { turn: 3, status: 'cancelled', has_wake_up: false },
      { turn: 4, status: 'queued', has_wake_up: true },
    ]);
    expect(await liveOf(session)).toBe(ids[2]);
  });

  describe('a message whose session gets another live run before it takes its turn', () => {
    const beside = async (policy: string) => {
      const session = await makeSession(db.pool);
      await db.pool.query('update howdah.sessions set policy = $2 where id = $1', [
        session,
        policy,
      ]);
      const [first, second] = await Promise.all([db.pool.connect(), db.pool.connect()]);
      try {
        await first.query('begin');
        const live = await makeRun(first, { agent_id: agent, session_id: session });
        const late = makeRun(second, { agent_id: agent, session_id: session }).catch(
          (error) => error,
        );
        await isBlocked(db.pool, second);
        await first.query('commit');
        return { session, live, late: await late };
      } finally {
        for (const client of [first, second]) client.release();
      }
    };

    test('waits behind that run, without a wake-up', async () => {
      const { session, live, late } = await beside('queue');
      expect(await liveOf(session)).toBe(live);
      expect(await statusOf(late)).toEqual({ status: 'waiting', waiting_for: 'turn', turn: 2 });
      expect(await jobsOf(db.pool, late)).toEqual([]);
    });

    test('is rejected under the policy reject', async () => {
      const { session, live, late } = await beside('reject');
      expect(late).toMatchObject({ code: 'HWCNF' });
      expect(JSON.parse(late.detail)).toEqual({ session_id: session, execution_id: live });
    });
  });

  test('a session of another tenant is not found', async () => {
    const other = await makeTenant(db.pool);
    const session = await makeSession(db.pool, { tenant_id: other });
    expect(await refusal(say(session))).toMatchObject({ code: 'HWNTF' });
  });

  const refusalOrRow = async (work: Promise<{ rows: unknown[] }>) => {
    try {
      return (await work).rows[0];
    } catch (error) {
      return error;
    }
  };
});
