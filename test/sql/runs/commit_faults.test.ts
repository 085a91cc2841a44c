import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  type CommitRow,
  claim,
  commitAsIs,
  completed,
  type Db,
  failed,
  isBlocked,
  makeAgent,
  makeRun,
  makeSession,
  makeWorker,
  one,
  openSession,
  refusal,
  runRow,
  spawn,
} from '../support.ts';

/** Tables that commits write, each with its column that identifies the run or session. */
const TABLES = {
  'howdah.executions': 'id',
  'howdah.steps': 'execution_id',
  'howdah_private.message_log': 'execution_id',
  'howdah.questions': 'execution_id',
  'howdah.sessions': 'id',
  'howdah_private.run_heads': 'execution_id',
  'howdah_private.inbox': 'execution_id',
  'howdah_private.child_ends': 'execution_id',
  'howdah_private.parked_runs': 'execution_id',
  'graphile_worker._private_jobs': "coalesce(key, 'z')",
};

/** Statements of commit_steps before which a commit can be stopped, in order. */
const PLACES = {
  usage: 'update of children_tokens_in on howdah.executions',
  counters: 'insert on howdah_private.limit_counters',
  steps: 'insert on howdah.steps',
  messages: 'insert on howdah_private.message_log',
  row: 'update of status on howdah.executions',
  report: 'insert on howdah_private.inbox',
  turn: 'update of live_execution_id on howdah.sessions',
  question: 'insert on howdah.questions',
  child: 'insert on howdah.executions',
  handoff: 'update of handoffs on howdah.executions',
  wake_up: 'insert on graphile_worker._private_jobs',
} as const;
type Place = keyof typeof PLACES | 'end';

const GATE = 4711;
const LAST = { kind: 'output', output: completed.output };
const THREE_HOURS = 10_800_000;

/** A commit that is ready to be sent, and how another worker can claim the run afterwards. */
type Prepared = { row: CommitRow; wake?: () => Promise<unknown> };

describe('commit_steps that fails midway', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
    await db.pool.query(
      `insert into howdah.limits (metric, period, max_value) values ('tokens', 'day', 1e9)`,
    );
    await db.pool.query(`
      create function public.stop_commit() returns trigger
        language plpgsql security definer set lock_timeout = '60s' as $$
      begin
        if current_setting('test.place', true) = tg_argv[0] then
          if current_setting('test.action', true) = 'raise' then
            raise exception using errcode = '58030', message = 'no more room on the disk';
          end if;
          perform pg_advisory_xact_lock_shared(${GATE});
        end if;
        return null;
      end $$`);
    for (const [place, event] of Object.entries(PLACES)) {
      await db.pool.query(`create trigger _001_stop_${place} before ${event}
        for each statement execute function public.stop_commit('${place}')`);
    }
    // On a busy machine, a commit may wait longer than two seconds for another one.
    await db.pool.query(`
      do $$ begin
        execute format('alter function %s set lock_timeout = ''60s''',
          (select p.oid::regprocedure from pg_proc as p where p.proname = 'commit_steps'));
      end $$`);
  });

  /**
   * Returns all rows that commits have written since the id `since`, and the counters of limits.
   * Wake-ups that are set again to the same time are equal.
   */
  const contents = async (since: string): Promise<Record<string, unknown>> => {
    const found: Record<string, unknown> = {};
    for (const [table, column] of Object.entries(TABLES)) {
      found[table] = (
        await all(
          db.pool,
          `select to_jsonb(t) - '{revision,updated_at}'::text[] as row from ${table} as t
           where ${column}::text >= $1 order by to_jsonb(t)::text`,
          [since],
        )
      ).map(({ row }) => row);
    }
    found.counters = await all(
      db.pool,
      'select limit_id, used from howdah_private.limit_counters order by 1, 2',
    );
    return found;
  };
  const send = (row: CommitRow, on: Db = db.pool) => commitAsIs(on, worker, [row]);
  const outcome = async (sent: Promise<pg.QueryResultRow[]>) => (await sent)[0]?.outcome;
  const started = async (columns: Record<string, unknown> = {}): Promise<string> => {
    const id = await makeRun(db.pool, { agent_id: agent, ...columns });
    await claim(db.pool, worker, [id]);
    expect(await outcome(send({ id, fence: 1, after: 0, steps: [answer] }))).toBe('committed');
    return id; // its head is ahead of its row
  };
  const call = (name: string, id: string) => db.pool.query(`select howdah.${name}($1)`, [id]);
  const releaseOf = (id: string) => () =>
    db.pool.query('select howdah_private.release_executions($1, array[$2::uuid], false)', [
      worker,
      id,
    ]);
  const newId = async () => (await one(db.pool, 'select howdah.uuid_v7() as id')).id as string;

  const prepare: Record<string, () => Promise<Prepared>> = {
    async 'a step'() {
      const id = await started();
      return { row: { id, fence: 1, after: 1, steps: [answer] }, wake: releaseOf(id) };
    },
    async 'an end'() {
      const id = await started({ session_id: await makeSession(db.pool) });
      const { session_id } = await runRow(db.pool, id);
      await makeRun(db.pool, { agent_id: agent, session_id }); // waits for its turn
      const steps = [answer, LAST];
      return { row: { id, fence: 1, after: 1, steps, to: completed } };
    },
    async 'a failure'() {
      const id = await started();
      const steps = [{ kind: 'error', error: failed.error }];
      return {
        row: { id, fence: 1, after: 1, steps, to: failed },
        wake: () => call('retry_execution', id),
      };
    },
    async 'a wait for a time'() {
      const id = await started();
      const to = { status: 'waiting', waiting_for: 'timer', delay_ms: THREE_HOURS };
      return {
        row: { id, fence: 1, after: 1, steps: [answer], to },
        wake: () =>
          db.pool.query(`update howdah.executions set wake_at = now() where id = $1`, [id]),
      };
    },
    async 'a question'() {
      const id = await started();
      const question = { id: await newId(), kind: 'question', call_id: 'q', prompt: 'Which?' };
      const to = { status: 'waiting', waiting_for: 'question' };
      const steps = [answer, { kind: 'question', name: 'question', call_id: 'q', question }];
      return {
        row: { id, fence: 1, after: 1, steps, to, more: true },
        wake: () => db.pool.query(`select howdah.answer_question($1, 'blue')`, [question.id]),
      };
    },
    async 'a pause'() {
      const id = await started();
      await call('pause_execution', id);
      return {
        row: { id, fence: 1, after: 1, steps: [answer], to: { status: 'paused' }, more: true },
        wake: () => call('resume_execution', id),
      };
    },
    async 'the start of a child'() {
      const id = await started();
      const child = { id: await newId(), agent_id: agent, call_id: 'c', input: 'Find out.' };
      const output = { execution_id: child.id };
      const steps = [{ kind: 'child_started', call_id: 'c', output, child }];
      return { row: { id, fence: 1, after: 1, steps, more: true }, wake: releaseOf(id) };
    },
    async 'the end of a child'() {
      const parent = await started();
      const id = await spawn(db.pool, worker, { id: parent, fence: 1, after: 1 }, agent);
      await claim(db.pool, worker, [id]);
      const steps = [answer, LAST];
      return { row: { id, fence: 1, after: 0, steps, to: completed, more: true } };
    },
    async 'a handoff'() {
      const id = await started();
      const output = { agent_id: await makeAgent(db.pool), reason: 'It knows more.' };
      const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 0 };
      return { row: { id, fence: 1, after: 1, steps: [{ kind: 'handoff', output }], to } };
    },
  };

  const prepared = async (what: string) => {
    const since = await newId();
    return { since, ...(await (prepare[what] as () => Promise<Prepared>)()) };
  };

  const PASSES: Record<keyof typeof prepare, Place[]> = {
    'a step': ['counters', 'steps', 'messages', 'end'],
    'an end': ['counters', 'steps', 'messages', 'row', 'turn', 'wake_up', 'end'],
    'a failure': ['steps', 'row', 'end'],
    'a wait for a time': ['counters', 'steps', 'messages', 'row', 'wake_up', 'end'],
    'a question': ['counters', 'steps', 'messages', 'row', 'question', 'end'],
    'a pause': ['counters', 'steps', 'messages', 'row', 'end'],
    'the start of a child': ['steps', 'child', 'wake_up', 'end'],
    'the end of a child': ['usage', 'counters', 'steps', 'messages', 'row', 'report', 'end'],
    'a handoff': ['steps', 'row', 'handoff', 'wake_up', 'end'],
  };
  const faults = Object.entries(PASSES).flatMap(([what, places]) =>
    places.map((place) => [what, place] as const),
  );

  /** Opens a session that stops before a statement. The place `end` is after all statements. */
  const openStoppingSession = async (
    place: Place,
    action: 'raise' | 'wait',
  ): Promise<pg.Client> => {
    const client = await openSession(db.url);
    await client.query(`set test.place = '${place}'; set test.action = '${action}'`);
    return client;
  };
  /**
   * Sends a commit from a session that stops. Returns functions that kill the session or let it
   * continue.
   */
  const sendStoppedCommit = async (row: CommitRow, place: Place) => {
    const gate = await openSession(db.url);
    await gate.query(`select pg_advisory_lock(${GATE})`);
    const client = await openStoppingSession(place, 'wait');
    await client.query('begin');
    const sent = outcome(send(row, client));
    sent.catch(() => {});
    if (place === 'end') await sent;
    else await isBlocked(db.pool, client);
    return {
      async kill() {
        const { processID } = client as unknown as { processID: number };
        const gone = new Promise((resolve) => client.once('end', resolve));
        await db.pool.query('select pg_terminate_backend($1, 60000)', [processID]);
        await gate.end();
        await gone;
        if (place !== 'end') expect(await refusal(sent)).toMatchObject({ code: '57P01' });
      },
      async goOn() {
        await gate.end();
        expect(await sent).toBe('committed');
        await client.query('commit');
        await client.end();
      },
    };
  };

  /** Checks that the same commit, sent again, changes nothing. */
  const expectCommittedOnce = async ({
    row,
    since,
  }: {
    row: CommitRow;
    since: string;
  }): Promise<void> => {
    const { step_count } = await runRow(db.pool, row.id);
    expect(step_count).toBe(row.after + row.steps.length);
    const written = await contents(since);
    expect(await outcome(send(row))).toBe('committed');
    expect(await contents(since)).toEqual(written);
  };

  const SLOW: Place[] = [
    'usage',
    'row',
    'report',
    'turn',
    'question',
    'child',
    'handoff',
    'wake_up',
  ];
  test.each(faults.filter(([, place]) => SLOW.includes(place)))(
    '%s: an error before %s leaves nothing behind',
    async (what, place) => {
      const { row, since } = await prepared(what);
      const before = await contents(since);
      const client = await openStoppingSession(place, 'raise');
      expect(await refusal(send(row, client))).toMatchObject({ code: '58030' });
      await client.end();
      expect(await contents(since)).toEqual(before);
      expect(await outcome(send(row))).toBe('committed');
      await expectCommittedOnce({ row, since });
    },
  );

  test.each(faults)(
    '%s: a backend that dies before %s leaves nothing behind',
    async (what, place) => {
      const { row, since } = await prepared(what);
      const before = await contents(since);
      const commit = await sendStoppedCommit(row, place);
      await commit.kill();
      expect(await contents(since)).toEqual(before);
      expect(await outcome(send(row))).toBe('committed');
      await expectCommittedOnce({ row, since });
    },
  );

  test.each(faults)(
    '%s: a retry while the first call is stopped before %s commits once',
    async (what, place) => {
      for (const fate of ['goOn', 'kill'] as const) {
        const { row, since } = await prepared(what);
        const first = await sendStoppedCommit(row, place);
        const retry = await openSession(db.url);
        const again = outcome(send(row, retry));
        await isBlocked(db.pool, retry);
        await first[fate]();
        expect(await again).toBe('committed');
        await retry.end();
        await expectCommittedOnce({ row, since });
      }
    },
  );

  const claimable = Object.keys(prepare).filter(
    (what) => !['an end', 'the end of a child', 'a handoff'].includes(what),
  );
  test.each(claimable)('%s is stale once another worker has claimed the run', async (what) => {
    const { row, since, wake } = await prepared(what);
    expect(await outcome(send(row))).toBe('committed');
    await wake?.();
    const other = await makeWorker(db.pool);
    expect(await claim(db.pool, other, [row.id])).toHaveLength(1);
    const there = await contents(since);
    expect(await outcome(send(row))).toBe('stale');
    expect(await contents(since)).toEqual(there);
  });

  test('every stop point is reached by some commit', () => {
    const passed = new Set(faults.map(([, place]) => place));
    expect(Object.keys(PLACES).filter((place) => !passed.has(place as Place))).toEqual([]);
  });
});
