import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  claim,
  commit,
  completed,
  failed,
  finish,
  makeAgent,
  makeRun,
  makeSession,
  makeWorker,
  one,
  runRow,
  testClient,
} from '../support.ts';

describe('claim_executions', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool, { max_steps: 2, max_seconds: 60 });
    worker = await makeWorker(db.pool);
  });

  test('returns wake-ups that found no free slot, once, for runs that are still due', async () => {
    const ids = await Promise.all([1, 2].map(() => makeRun(db.pool, { agent_id: agent })));
    const [due, claimed] = ids as [string, string];
    const wakeUps = (id: string) =>
      all(db.pool, 'select locked_by from graphile_worker._private_jobs where key like $1', [
        `${id}%`,
      ]);
    await db.pool.query(
      `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'a full worker'
       where key = any ($1)`,
      [ids],
    );
    await claim(db.pool, worker, [claimed]);
    for (const _ of [1, 2]) {
      await db.pool.query('select howdah_private.return_wake_ups($1)', [ids]);
    }
    const locked = { locked_by: 'a full worker' };
    expect(await wakeUps(due)).toEqual(expect.arrayContaining([locked, { locked_by: null }]));
    expect((await wakeUps(due)).length).toBe(2);
    expect(await wakeUps(claimed)).toEqual([locked]);
    await db.pool.query('select howdah.cancel_execution(i) from unnest($1::uuid[]) as i', [ids]);
  });

  test('claims a run under a new fence, with everything needed to continue it', async () => {
    const id = await makeRun(db.pool, { agent_id: agent, metadata: { order: 1 } });
    const run = await runRow(db.pool, id);
    const claims = await claim(db.pool, worker, [id]);
    expect(claims).toEqual([
      {
        execution_id: id,
        fence: 1,
        tenant_id: run.tenant_id,
        agent_id: agent,
        agent_version_id: run.agent_version_id,
        session_id: null,
        root_execution_id: id,
        is_child: false,
        is_compensation: false,
        metadata: { order: 1 },
        step_count: 0,
        exhausted: null,
        active_ms_left: expect.any(String),
        watched: false,
        is_new: true,
        hooks: null,
        is_suspect: false,
        messages_at_retry: 0,
        refused: {},
        messages: [{ seq: 1, role: 'user', content: 'Where is A-1001?' }],
        history: [],
        attempts: [],
        task: null,
        overrides: null,
        alike: run.agent_version_id,
        trust: 'user',
        is_filtered: false,
        are_calls_limited: false,
      },
    ]);
    expect(Number(claims[0]?.active_ms_left)).toBeGreaterThan(55_000);
    expect(Number(claims[0]?.active_ms_left)).toBeLessThanOrEqual(60_000);
    expect(await runRow(db.pool, id)).toMatchObject({
      status: 'running',
      owner_worker: worker,
      fence: 1,
      crashes_without_progress: 0,
      at_risk: false,
      message_count: 1,
      started_at: expect.any(Date),
      active_since: expect.any(Date),
    });
  });

  test('claims a run for one worker only', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    const other = await makeWorker(db.pool);
    const claims = await Promise.all([claim(db.pool, worker, [id]), claim(db.pool, other, [id])]);
    expect(claims.flat()).toHaveLength(1);
    expect(await claim(db.pool, worker, [id])).toEqual([]);
    expect(await runRow(db.pool, id)).toMatchObject({ fence: 1 });
  });

  test('many workers that claim the same runs share them without waiting', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 40; n++) {
      ids.push(await makeRun(db.pool, { agent_id: agent }));
    }
    const claims = await Promise.all(Array.from({ length: 8 }, () => claim(db.pool, worker, ids)));
    const got = claims.flat().map((row) => row.execution_id);
    expect(got).toHaveLength(40);
    expect(new Set(got)).toEqual(new Set(ids));
  });

  test('skips a locked run, and claims the others', async () => {
    const [busy, free] = [
      await makeRun(db.pool, { agent_id: agent }),
      await makeRun(db.pool, { agent_id: agent }),
    ];
    const client = await testClient(db.pool);
    await client.query('begin');
    await client.query('select 1 from howdah.executions where id = $1 for no key update', [busy]);
    const claims = await claim(db.pool, worker, [busy, free]);
    await client.query('rollback');
    expect(claims.map((row) => row.execution_id)).toEqual([free]);
    expect(await claim(db.pool, worker, [busy])).toHaveLength(1);
  });

  test('ignores runs that are not due, ended or unknown', async () => {
    const later = await makeRun(db.pool, { agent_id: agent, run_at: '2099-01-01' });
    const ended = await makeRun(db.pool, { agent_id: agent });
    await db.pool.query('select howdah.cancel_execution($1)', [ended]);
    const missingId = '019a0000-0000-7000-8000-000000000001';
    expect(await claim(db.pool, worker, [later, ended, missingId])).toEqual([]);
    expect(await claim(db.pool, worker, [])).toEqual([]);
  });

  test('claims a run once its timer has elapsed, and not before', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    const [run] = await claim(db.pool, worker, [id]);
    const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 };
    await commit(db.pool, worker, [{ id, fence: run?.fence, after: 0, steps: [], to }]);
    expect(await claim(db.pool, worker, [id])).toEqual([]);
    await db.pool.query('update howdah.executions set wake_at = now() where id = $1', [id]);
    expect(await claim(db.pool, worker, [id])).toMatchObject([{ fence: 2 }]);
    expect(await runRow(db.pool, id)).toMatchObject({
      status: 'running',
      waiting_for: null,
      wake_at: null,
    });
  });

  /** Releases a run as if the worker that owns it had crashed. */
  const crash = (id: string) =>
    db.pool.query('select howdah_private.release_executions($1, $2, true)', [worker, [id]]);

  test('a commit resets the mark and the crash count of a run', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    for (let n = 0; n < 5; n++) {
      const [run] = await claim(db.pool, worker, [id]);
      expect(run).toMatchObject({ is_suspect: false });
      await db.pool.query('select howdah_private.mark_at_risk($1, $2, $3)', [
        worker,
        id,
        run?.fence,
      ]);
      const step = { kind: 'retry', error: { code: 'timeout' } };
      await commit(db.pool, worker, [{ id, fence: run?.fence, after: n, steps: [step] }]);
      expect(await runRow(db.pool, id)).toMatchObject({
        at_risk: false,
        crashes_without_progress: 0,
      });
      await crash(id);
    }
    expect(await runRow(db.pool, id)).toMatchObject({
      status: 'queued',
      crashes_without_progress: 1,
    });
  });

  test('inserts message 1 once, however often the run is claimed', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    await claim(db.pool, worker, [id]);
    await db.pool.query('select howdah_private.release_executions($1, $2, false)', [worker, [id]]);
    const [run] = await claim(db.pool, worker, [id]);
    expect(run?.messages).toEqual([{ seq: 1, role: 'user', content: 'Where is A-1001?' }]);
    expect(
      await one(
        db.pool,
        `select count(*)::int as n, min(trust::text) as trust, min(tenant_id::text) as tenant
         from howdah.messages where execution_id = $1`,
        [id],
      ),
    ).toEqual({ n: 1, trust: 'user', tenant: run?.tenant_id });
  });

  test('returns the log: messages in order, and attempts since the last answer', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    const [run] = await claim(db.pool, worker, [id]);
    const calls = [{ id: 'c1', name: 'order_status', arguments: { id: 'A-1001' } }];
    await commit(db.pool, worker, [
      {
        id,
        fence: run?.fence,
        after: 0,
        steps: [
          { kind: 'retry', name: 'early', error: { code: 'timeout' } },
          {
            kind: 'model',
            messages: [{ role: 'assistant', content: null, tool_calls: calls }],
          },
          {
            kind: 'tool',
            name: 'order_status',
            messages: [{ role: 'tool', content: '"shipped"', tool_call_id: 'c1' }],
          },
          { kind: 'retry', name: 'late', error: { code: 'rate_limit' } },
        ],
      },
    ]);
    await db.pool.query('select howdah_private.release_executions($1, $2, false)', [worker, [id]]);
    const [again] = await claim(db.pool, worker, [id]);
    expect(again).toMatchObject({ step_count: 4, fence: 3 });
    expect(again?.messages).toEqual([
      { seq: 1, role: 'user', content: 'Where is A-1001?' },
      { seq: 2, step_seq: 2, role: 'assistant', content: null, tool_calls: calls },
      {
        ...{ seq: 3, step_seq: 3, role: 'tool', content: '"shipped"', tool_call_id: 'c1' },
        trust: 'external',
      },
    ]);
    expect(again?.attempts).toMatchObject([
      { seq: 3, kind: 'tool', name: 'order_status' },
      { seq: 4, kind: 'retry', name: 'late', error: { code: 'rate_limit' } },
    ]);
  });

  test('returns the session history in order, with a note for a turn without an answer', async () => {
    const session = await makeSession(db.pool);
    const say = (input: string) =>
      makeRun(db.pool, { agent_id: agent, session_id: session, input });
    await finish(db.pool, worker, await say('one'));
    await finish(db.pool, worker, await say('two'), failed);
    const cancelled = await say('three');
    await claim(db.pool, worker, [cancelled]);
    await db.pool.query('select howdah.cancel_execution($1)', [cancelled]);
    await finish(db.pool, worker, await say('four'));
    const [run] = await claim(db.pool, worker, [await say('five')]);
    const noteOf = (end: string) => ({
      role: 'user',
      content: `(This turn ${end}. What was done before stays done.)`,
    });
    expect(run?.history).toEqual([
      { seq: 1, role: 'user', content: 'one' },
      { seq: 2, role: 'assistant', content: 'It is on its way.' },
      { seq: 1, role: 'user', content: 'two' },
      { seq: 2, role: 'assistant', content: 'It is on its way.' },
      noteOf('failed before its answer: provider'),
      { seq: 1, role: 'user', content: 'three' },
      noteOf('was cancelled before its answer'),
      { seq: 1, role: 'user', content: 'four' },
      { seq: 2, role: 'assistant', content: 'It is on its way.' },
    ]);
    expect(run?.messages).toEqual([{ seq: 1, role: 'user', content: 'five' }]);
  });

  test('returns the limit that is already exhausted', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    const [run] = await claim(db.pool, worker, [id]);
    const steps = [answer, answer];
    await commit(db.pool, worker, [{ id, fence: run?.fence, after: 0, steps }]);
    await db.pool.query('select howdah_private.release_executions($1, $2, false)', [worker, [id]]);
    expect(await claim(db.pool, worker, [id])).toMatchObject([{ exhausted: 'max_steps' }]);
  });

  test('reports whether a run has subscribers', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    await db.pool.query('select howdah_private.watch(gen_random_uuid(), array[$1::uuid])', [id]);
    expect(await claim(db.pool, worker, [id])).toMatchObject([{ watched: true }]);
    const fence = (await runRow(db.pool, id)).fence;
    const to = { ...completed };
    const steps = [answer, { kind: 'output', output: completed.output }];
    expect(await commit(db.pool, worker, [{ id, fence, after: 0, steps, to }])).toMatchObject([
      { watched: true },
    ]);
  });
});
