import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  brokenRules,
  type CommitRow,
  claim,
  commitAsIs,
  completed,
  type Db,
  failed,
  makeAgent,
  makeRun,
  makeSession,
  makeWorker,
  one,
  openSession,
  runRow,
  spawn,
} from '../support.ts';

/** A running run whose head is ahead of its row, and the ids that controls need. */
type Run = { id: string; session?: string; question?: string };

type Control = {
  text: string;
  value?: keyof Run;
  /**
   * Whether the control locks the head, so that the control and a plain commit wait for each other.
   */
  waits: boolean;
  /**
   * The result of a plain commit after the control, or of the next commit if the first one came
   * before the control.
   */
  seen: Record<string, unknown>;
  /**
   * Whether the control locks the run, so that a commit that ends the run waits for it. Default:
   * true.
   */
  locksRun?: boolean;
  /** The outcome of a commit that would end the run. */
  end: 'committed' | 'stale' | 'inbox';
  /** The error of the control after the run has ended. Undefined if the control succeeds. */
  refused?: string;
};

const COMMITTED = { outcome: 'committed', status: 'running' };
const STALE = { outcome: 'stale' };
const MAILED = { ...COMMITTED, has_inbox: true };

const CONTROLS: Record<string, Control> = {
  pause: {
    text: 'select howdah.pause_execution($1)',
    waits: true,
    seen: { ...COMMITTED, is_pause_requested: true },
    ...{ end: 'committed', refused: 'HWTRM' },
  },
  resume: {
    text: 'select howdah.resume_execution($1)',
    waits: false, // the run is not paused
    seen: { ...COMMITTED, is_pause_requested: false },
    ...{ end: 'committed', refused: 'HWTRM' },
  },
  cancel: {
    text: 'select howdah.cancel_execution($1)',
    waits: true,
    seen: STALE,
    ...{ end: 'stale', refused: 'HWTRM' },
  },
  message: {
    text: `select howdah.add_input($1, 'And A-1002?')`,
    waits: true,
    seen: MAILED,
    ...{ end: 'inbox', refused: 'HWTRM' },
  },
  answer: {
    text: `select howdah.answer_question($1, 'blue')`,
    value: 'question',
    waits: true,
    seen: MAILED,
    end: 'inbox',
  },
  interrupt: {
    text: `insert into howdah.executions (agent_id, input, session_id)
      select s.agent_id, 'Stop.', s.id from howdah.sessions as s where s.id = $1`,
    value: 'session',
    waits: true,
    seen: STALE,
    end: 'stale',
  },
  'a lower limit': {
    text: 'update howdah.executions set max_tokens = 1 where id = $1',
    waits: true,
    seen: { ...COMMITTED, exhausted: 'max_tokens' },
    end: 'committed',
  },
  'a higher limit': {
    text: 'update howdah.executions set max_tokens = 100000 where id = $1',
    waits: true,
    seen: { ...COMMITTED, exhausted: null },
    end: 'committed',
  },
  'another priority': {
    text: 'update howdah.executions set priority = 5 where id = $1',
    waits: false,
    seen: COMMITTED,
    end: 'committed',
  },
  'a limit of the tenant': {
    text: `insert into howdah.limits (metric, period, max_value, scope, subject_id)
      select 'tokens', 'day', 1e9, 'agent', e.agent_id from howdah.executions as e where e.id = $1
      on conflict do nothing`,
    waits: false,
    seen: { ...COMMITTED, over_quota: false },
    ...{ end: 'committed', locksRun: false },
  },
  release: {
    text: `select howdah_private.release_executions(e.owner_worker, array[e.id::uuid], false)
      from howdah.executions as e where e.id = $1`,
    waits: true,
    seen: STALE,
    end: 'stale',
  },
  'the death of its worker': {
    text: `select howdah_private.release_executions(e.owner_worker, array[e.id::uuid], true)
      from howdah.executions as e where e.id = $1`,
    waits: true,
    seen: STALE,
    end: 'stale',
  },
  fork: {
    text: 'select howdah.cancel_execution((howdah.fork_execution($1)).id)',
    waits: false,
    seen: COMMITTED,
    end: 'committed',
  },
  'a mark before a risk': {
    text: `select howdah_private.mark_at_risk(e.owner_worker, e.id, e.fence)
      from howdah.executions as e where e.id = $1`,
    waits: true,
    seen: COMMITTED,
    end: 'committed',
  },
};

describe('a control and a concurrent commit of the same run', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
    // On a busy machine, a commit may wait longer than two seconds for a control.
    await db.pool.query(`
      do $$ begin
        execute format('alter function %s set lock_timeout = ''60s''',
          (select p.oid::regprocedure from pg_proc as p where p.proname = 'commit_steps'));
      end $$`);
  });

  const send = async (on: Db, row: CommitRow) => (await commitAsIs(on, worker, [row]))[0];
  const plain = (id: string, after: number): CommitRow => ({
    ...{ id, fence: 1, after, steps: [answer] },
  });

  /** Creates a run with two steps, one of which only its head counts. */
  const startRun = async (): Promise<Run> => {
    const session = await makeSession(db.pool, { agent_id: agent, policy: 'interrupt' });
    const id = await makeRun(db.pool, { agent_id: agent, session_id: session });
    await claim(db.pool, worker, [id]);
    expect(await send(db.pool, plain(id, 0))).toMatchObject({ step_count: 1 });
    expect(await send(db.pool, plain(id, 1))).toMatchObject({ step_count: 2 });
    return { id, session };
  };
  /** Creates such a run with an open question. */
  const startAskingRun = async (): Promise<Run> => {
    const id = await makeRun(db.pool, { agent_id: agent });
    await claim(db.pool, worker, [id]);
    const question = (await one(db.pool, 'select howdah.uuid_v7() as id')).id;
    const questionData = { id: question, kind: 'question', call_id: 'q', prompt: 'Which?' };
    const step = { kind: 'question', name: 'question', call_id: 'q', question: questionData };
    await send(db.pool, { ...plain(id, 0), steps: [step], more: true });
    expect(await send(db.pool, plain(id, 1))).toMatchObject({ step_count: 2 });
    return { id, question };
  };
  const runFor = ({ value }: Control) => (value === 'question' ? startAskingRun() : startRun());

  type ControlResult = { rows: pg.QueryResultRow[] } | { code: string };

  const isWaiting = async (client: pg.Client): Promise<boolean> => {
    const { processID } = client as unknown as { processID: number };
    const { blockers } = await one(
      db.pool,
      'select cardinality(pg_blocking_pids($1)) as blockers',
      [processID],
    );
    return blockers > 0;
  };

  /**
   * Runs both in separate transactions. The first one commits when the second one waits for it or
   * has finished. Checks whether the second one has waited.
   */
  const inTurn = async (
    waits: boolean,
    first: (on: Db) => Promise<unknown>,
    second: (on: Db) => Promise<unknown>,
  ): Promise<void> => {
    const [one, other] = [await openSession(db.url), await openSession(db.url)];
    await one.query('begin');
    await first(one);
    let isDone = false;
    const done = second(other).finally(() => {
      isDone = true;
    });
    done.catch(() => {});
    while (!isDone && !(await isWaiting(other))) await new Promise(setImmediate);
    const hasWaited = !isDone;
    await one.query('commit');
    await done;
    await Promise.all([one.end(), other.end()]);
    expect({ hasWaited }).toEqual({ hasWaited: waits });
  };
  const runControl = async (
    on: Db,
    { text, value = 'id' }: Control,
    run: Run,
  ): Promise<ControlResult> =>
    on.query(text, [run[value]]).catch((error) => ({ code: error.code }));

  const isExact = async (): Promise<void> => expect(await brokenRules(db.pool)).toEqual([]);

  describe.each(Object.entries(CONTROLS))('%s', (_, control) => {
    test('before a commit: the commit waits and reports the control', async () => {
      const run = await runFor(control);
      let result: pg.QueryResultRow | undefined;
      await inTurn(
        control.waits,
        async (on) => expect(await runControl(on, control, run)).toHaveProperty('rows'),
        async (on) => {
          result = await send(on, plain(run.id, 2));
        },
      );
      expect(result).toMatchObject(control.seen);
      await isExact();
    });

    test('after a commit: it waits for the commit, and the next commit reports it', async () => {
      const run = await runFor(control);
      let first: pg.QueryResultRow | undefined;
      let said: ControlResult | undefined;
      await inTurn(
        control.waits,
        async (on) => {
          first = await send(on, plain(run.id, 2));
        },
        async (on) => {
          said = await runControl(on, control, run);
        },
      );
      expect(first).toMatchObject({ outcome: 'committed', step_count: 3 });
      expect(said).toHaveProperty('rows');
      expect(await runRow(db.pool, run.id)).toMatchObject({ step_count: 3 });
      expect(await send(db.pool, plain(run.id, 3))).toMatchObject(control.seen);
      await isExact();
    });

    test('before a commit that ends the run: the commit waits for the control', async () => {
      const run = await runFor(control);
      let result: pg.QueryResultRow | undefined;
      const steps = [answer, { kind: 'output', output: completed.output }];
      await inTurn(
        control.locksRun ?? true,
        async (on) => expect(await runControl(on, control, run)).toHaveProperty('rows'),
        async (on) => {
          result = await send(on, { ...plain(run.id, 2), steps, to: completed });
        },
      );
      expect(result).toMatchObject({ outcome: control.end });
      await isExact();
    });
  });

  test.each(['pause', 'cancel', 'message'])('%s of a run that ends concurrently', async (name) => {
    const control = CONTROLS[name] as Control;
    const run = await runFor(control);
    const steps = [{ kind: 'error', error: failed.error }];
    let said: ControlResult | undefined;
    await inTurn(
      true,
      (on) => send(on, { ...plain(run.id, 2), steps, to: failed }),
      async (on) => {
        said = await runControl(on, control, run);
      },
    );
    expect(said).toEqual({ code: control.refused });
    expect(await runRow(db.pool, run.id)).toMatchObject({ status: 'failed', step_count: 3 });
    await isExact();
  });

  test('a retry waits for the failure, and the run continues from its whole log', async () => {
    const run = await startRun();
    const steps = [{ kind: 'error', error: failed.error }];
    await inTurn(
      true,
      (on) => send(on, { ...plain(run.id, 2), steps, to: failed }),
      (on) => on.query('select howdah.retry_execution($1)', [run.id]),
    );
    expect(await claim(db.pool, worker, [run.id])).toMatchObject([{ step_count: 4 }]);
    await isExact();
  });

  test('another worker claims a released run only after the pending commit', async () => {
    const run = await startRun();
    const other = await makeWorker(db.pool);
    await inTurn(
      true,
      (on) => send(on, plain(run.id, 2)),
      (on) =>
        on.query('select howdah_private.release_executions($1, array[$2::uuid], false)', [
          worker,
          run.id,
        ]),
    );
    expect(await claim(db.pool, other, [run.id])).toMatchObject([{ step_count: 3, fence: 3 }]);
    expect(await send(db.pool, plain(run.id, 3))).toMatchObject(STALE);
    const [result] = await commitAsIs(db.pool, other, [{ ...plain(run.id, 3), fence: 3 }]);
    expect(result).toMatchObject({ outcome: 'committed', step_count: 4 });
    await isExact();
  });

  test.each(['parent', 'child'])(
    'commits of a parent and its child, the %s first, count the usage of both',
    async (first) => {
      const { id } = await startRun();
      const child = await spawn(db.pool, worker, { id, fence: 1, after: 2 }, agent);
      await claim(db.pool, worker, [child]);
      const ofParent = (on: Db) => send(on, plain(id, 3));
      const ofChild = (on: Db) => send(on, { ...plain(child, 0), more: true });
      await inTurn(
        true,
        first === 'parent' ? ofParent : ofChild,
        first === 'parent' ? ofChild : ofParent,
      );
      const [head] = await all(
        db.pool,
        `select step_count, tokens_in, children_tokens from howdah_private.run_heads where execution_id = $1`,
        [id],
      );
      expect(head).toEqual({ step_count: 4, tokens_in: '30', children_tokens: '15' });
      await isExact();
    },
  );
});
