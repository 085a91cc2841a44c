import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  answer,
  claim,
  commit,
  committed,
  completed,
  type Db,
  finish,
  isBlocked,
  jobsOf,
  makeAgent,
  makeRun,
  makeSession,
  makeWorker,
  one,
  refusal,
  release,
  runRow,
  spawn,
  testClient,
} from '../support.ts';

describe('pause_execution and resume_execution', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });

  const make = (columns: Record<string, unknown> = {}) =>
    makeRun(db.pool, { agent_id: agent, ...columns });
  const pause = (id: string, client: Db = db.pool) =>
    one(client, 'select * from howdah.pause_execution($1)', [id]);
  const resume = (id: string, client: Db = db.pool) =>
    one(client, 'select * from howdah.resume_execution($1)', [id]);
  const step = (id: string, to?: Record<string, unknown>, steps = [answer], after = 0) =>
    commit(db.pool, worker, [{ id, fence: 1, after, steps, ...(to ? { to } : {}) }]);
  const running = async (columns: Record<string, unknown> = {}) => {
    const id = await make(columns);
    await claim(db.pool, worker, [id]);
    return id;
  };

  test('a queued run pauses at once, cannot be claimed, and continues when resumed', async () => {
    const id = await make();
    expect(await pause(id)).toMatchObject({ id, status: 'paused', is_pause_requested: false });
    expect(await claim(db.pool, worker, [id])).toEqual([]);
    // as after its wake-up has run
    await db.pool.query('select graphile_worker.remove_job($1)', [id]);
    expect(await resume(id)).toMatchObject({ status: 'queued', paused_from: null });
    expect(await jobsOf(db.pool, id)).toHaveLength(1);
    expect(await claim(db.pool, worker, [id])).toHaveLength(1);
  });

  test('a scheduled run keeps its start time', async () => {
    const run_at = new Date(Date.now() + 3_600_000);
    const id = await make({ run_at });
    await pause(id);
    expect(await resume(id)).toMatchObject({ status: 'queued', run_at });
    expect(await jobsOf(db.pool, id)).toMatchObject([{ run_at }]);
  });

  test('repeated calls change nothing, and resuming a run that is not paused succeeds', async () => {
    const id = await make();
    await resume(id);
    await pause(id);
    const before = await runRow(db.pool, id);
    expect(await pause(id)).toMatchObject({ status: 'paused', updated_at: before.updated_at });
    await resume(id);
    expect(await resume(id)).toMatchObject({ status: 'queued' });
    const busy = await running();
    expect(await resume(busy)).toMatchObject({ status: 'running', is_pause_requested: false });
  });

  test('a pending timer is waited for again after resume; an elapsed one is not', async () => {
    const id = await running();
    await step(id, { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 });
    const { wake_at } = await runRow(db.pool, id);
    expect(await pause(id)).toMatchObject({
      status: 'paused',
      waiting_for: null,
      paused_from: 'timer',
    });
    expect(await resume(id)).toMatchObject({ status: 'waiting', waiting_for: 'timer', wake_at });
    expect(await jobsOf(db.pool, id)).toMatchObject([{ run_at: wake_at }]);
    await pause(id);
    await db.pool.query(
      `update howdah.executions set wake_at = now() - interval '1 second' where id = $1`,
      [id],
    );
    expect(await resume(id)).toMatchObject({ status: 'queued', waiting_for: null, wake_at: null });
  });

  test('an open question is waited for again after resume; one answered meanwhile is delivered', async () => {
    const id = await running();
    const question = { id: (await one(db.pool, 'select howdah.uuid_v7() as id')).id };
    await step(id, { status: 'waiting', waiting_for: 'question' }, [
      {
        kind: 'question',
        name: 'question',
        call_id: 'a',
        question: { ...question, kind: 'question', call_id: 'a', prompt: 'Which?' },
      } as never,
    ]);
    await pause(id);
    expect(await resume(id)).toMatchObject({ status: 'waiting', waiting_for: 'question' });
    await pause(id);
    await db.pool.query(`select howdah.answer_question($1, 'blue')`, [question.id]);
    expect(await runRow(db.pool, id)).toMatchObject({ status: 'paused', has_inbox: true });
    expect(await resume(id)).toMatchObject({ status: 'queued' });
    await claim(db.pool, worker, [id]);
    expect(
      await one(db.pool, 'select kind from howdah.steps where execution_id = $1 and seq = 2', [id]),
    ).toEqual({ kind: 'answer' });
  });

  test('a queued turn waits again after resume; one that came up meanwhile starts', async () => {
    const session_id = await makeSession(db.pool);
    const [live, next, last] = [
      await make({ session_id }),
      await make({ session_id }),
      await make({ session_id }),
    ];
    expect(await pause(next)).toMatchObject({ status: 'paused', paused_from: 'turn' });
    expect(await resume(next)).toMatchObject({ status: 'waiting', waiting_for: 'turn' });
    await pause(next);
    await finish(db.pool, worker, live);
    expect(await runRow(db.pool, next)).toMatchObject({ status: 'paused' });
    expect(await runRow(db.pool, last)).toMatchObject({ status: 'queued' });
    await finish(db.pool, worker, last);
    expect(await resume(next)).toMatchObject({ status: 'queued' });
    const { live_execution_id } = await one(
      db.pool,
      'select live_execution_id from howdah.sessions where id = $1',
      [session_id],
    );
    expect(live_execution_id).toBe(next);
    await finish(db.pool, worker, next);
  });

  test('a paused run keeps its turn of the session', async () => {
    const session_id = await makeSession(db.pool);
    const [live, next] = [await make({ session_id }), await make({ session_id })];
    await pause(live);
    expect(await runRow(db.pool, next)).toMatchObject({ status: 'waiting', waiting_for: 'turn' });
    await db.pool.query('select howdah.cancel_execution($1)', [live]);
    expect(await runRow(db.pool, next)).toMatchObject({ status: 'queued' });
  });

  test('a running run commits its step in flight, then pauses', async () => {
    const id = await running();
    expect(await pause(id)).toMatchObject({ status: 'running', is_pause_requested: true });
    expect(await pause(id)).toMatchObject({ status: 'running', is_pause_requested: true });
    expect(await step(id)).toMatchObject([
      { outcome: 'committed', status: 'running', is_pause_requested: true },
    ]);
    expect(await step(id, { status: 'paused' }, [], 1)).toMatchObject([{ status: 'paused' }]);
    expect(await runRow(db.pool, id)).toMatchObject({
      status: 'paused',
      owner_worker: null,
      active_since: null,
      is_pause_requested: false,
      paused_from: null,
      step_count: 1,
    });
    expect(await resume(id)).toMatchObject({ status: 'queued' });
  });

  test('a run asked to pause pauses instead of waiting, and waits after resume', async () => {
    const id = await running();
    await pause(id);
    const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 };
    expect(await step(id, to)).toMatchObject([{ status: 'paused' }]);
    expect(await runRow(db.pool, id)).toMatchObject({
      paused_from: 'timer',
      is_pause_requested: false,
    });
    expect(await resume(id)).toMatchObject({ status: 'waiting', waiting_for: 'timer' });
  });

  test('a run that completes while a pause is requested ends', async () => {
    const id = await running();
    await pause(id);
    const steps = [answer, { kind: 'output', output: 'x' } as never];
    expect(await step(id, completed, steps)).toMatchObject([{ status: 'completed' }]);
    expect(await runRow(db.pool, id)).toMatchObject({
      status: 'completed',
      is_pause_requested: false,
    });
    expect(await refusal(pause(id))).toMatchObject({ code: 'HWTRM' });
    expect(await refusal(resume(id))).toMatchObject({ code: 'HWTRM' });
  });

  test('a run resumed before its worker paused it continues running', async () => {
    const id = await running();
    await pause(id);
    await step(id);
    expect(await resume(id)).toMatchObject({ status: 'running', is_pause_requested: false });
    expect(await step(id, { status: 'paused' }, [], 1)).toMatchObject([
      { outcome: 'committed', status: 'running', is_pause_requested: false },
    ]);
    expect(await runRow(db.pool, id)).toMatchObject({ status: 'running', owner_worker: worker });
  });

  test('a run whose worker dies before pausing it becomes paused, not queued', async () => {
    const doomed = await makeWorker(db.pool);
    const id = await make();
    await claim(db.pool, doomed, [id]);
    await pause(id);
    await release(db.pool, doomed, true);
    expect(await runRow(db.pool, id)).toMatchObject({
      status: 'paused',
      is_pause_requested: false,
    });
    await db.pool.query('delete from howdah_private.workers where id = $1', [doomed]);
    expect(await resume(id)).toMatchObject({ status: 'queued' });
  });

  test('waits for a commit in progress, and the next commit returns the pause request', async () => {
    const id = await running();
    const pauser = await testClient(db.pool);
    let paused: Promise<unknown> = Promise.resolve();
    await committed(db.pool, async (client) => {
      await commit(client, worker, [{ id, fence: 1, after: 0, steps: [answer] }]);
      paused = pause(id, pauser);
      await isBlocked(db.pool, pauser);
    });
    expect(await paused).toMatchObject({ status: 'running', step_count: 1 });
    expect(await step(id, undefined, [answer], 1)).toMatchObject([{ is_pause_requested: true }]);
  });

  test('pauses the whole subtree and no ancestor, and resume undoes it', async () => {
    const root = await make();
    const child = await make({ parent_execution_id: root });
    const sibling = await make({ parent_execution_id: root });
    const grandchild = await make({ parent_execution_id: child });
    await claim(db.pool, worker, [grandchild]);
    await pause(child);
    expect(await runRow(db.pool, child)).toMatchObject({ status: 'paused' });
    expect(await runRow(db.pool, grandchild)).toMatchObject({
      status: 'running',
      is_pause_requested: true,
    });
    expect(await runRow(db.pool, sibling)).toMatchObject({ status: 'queued' });
    expect(await runRow(db.pool, root)).toMatchObject({ status: 'queued' });
    await resume(root);
    expect(await runRow(db.pool, child)).toMatchObject({ status: 'queued' });
    expect(await runRow(db.pool, grandchild)).toMatchObject({ is_pause_requested: false });
    await pause(root);
    await db.pool.query('select howdah.cancel_execution($1)', [root]);
    for (const id of [root, child, sibling, grandchild]) {
      expect(await runRow(db.pool, id)).toMatchObject({
        status: 'cancelled',
        is_pause_requested: false,
        paused_from: null,
      });
    }
    expect(await jobsOf(db.pool, child)).toEqual([]);
  });

  test('a child spawned by a pausing parent starts paused', async () => {
    const root = await running();
    await pause(root);
    const child = await spawn(db.pool, worker, { id: root, fence: 1, after: 0 }, agent);
    expect(await runRow(db.pool, child)).toMatchObject({ status: 'paused' });
    expect(await jobsOf(db.pool, child)).toEqual([]);
    await step(root, { status: 'waiting', waiting_for: 'child' }, [], 1);
    expect(await runRow(db.pool, root)).toMatchObject({ status: 'paused', paused_from: 'child' });
    expect(await resume(root)).toMatchObject({ status: 'waiting', waiting_for: 'child' });
    expect(await runRow(db.pool, child)).toMatchObject({ status: 'queued' });
    expect(await jobsOf(db.pool, child)).toHaveLength(1);
    await finish(db.pool, worker, child);
    expect(await runRow(db.pool, root)).toMatchObject({ status: 'queued', has_inbox: true });
  });

  test('a child that ends while its parent is paused is delivered after resume', async () => {
    const root = await running();
    const child = await spawn(db.pool, worker, { id: root, fence: 1, after: 0 }, agent);
    await claim(db.pool, worker, [child]);
    await step(root, { status: 'waiting', waiting_for: 'child' }, [], 1);
    await pause(root);
    await step(child, completed, [answer, { kind: 'output', output: 'x' } as never]);
    expect(await runRow(db.pool, root)).toMatchObject({ status: 'paused', has_inbox: true });
    expect(await resume(root)).toMatchObject({ status: 'queued' });
  });

  test('reports an unknown run as not found, like a run of another tenant', async () => {
    const missingId = '019a0000-0000-7000-8000-000000000001';
    expect(await refusal(pause(missingId))).toMatchObject({ code: 'HWNTF' });
    expect(await refusal(resume(missingId))).toMatchObject({ code: 'HWNTF' });
  });
});
