import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  asRole,
  claim,
  commit,
  committed,
  completed,
  type Db,
  failed,
  finish,
  isBlocked,
  jobsOf,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeTool,
  makeWorker,
  one,
  refusal,
  runRow,
  spawn,
  testClient,
} from '../support.ts';

describe('retry_execution', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });

  const make = (columns: Record<string, unknown> = {}) =>
    makeRun(db.pool, { agent_id: agent, ...columns });
  const retry = (id: string, client: Db = db.pool) =>
    one(client, 'select * from howdah.retry_execution($1)', [id]);
  const cancel = (id: string) => one(db.pool, 'select * from howdah.cancel_execution($1)', [id]);
  const kinds = async (id: string) =>
    (
      await all(db.pool, 'select kind from howdah.steps where execution_id = $1 order by seq', [id])
    ).map(({ kind }) => kind);
  const stopped = async (stop_reason: string, columns: Record<string, unknown> = {}) => {
    const id = await make(columns);
    await finish(db.pool, worker, id, { ...failed, stop_reason });
    return id;
  };

  test('a failed run continues under its id, with a step that records the earlier failure', async () => {
    const id = await stopped('error');
    expect(await retry(id)).toMatchObject({
      id,
      status: 'queued',
      stop_reason: null,
      error: null,
      completed_at: null,
      step_count: 3,
    });
    const step = await one(
      db.pool,
      'select * from howdah.steps where execution_id = $1 and seq = 3',
      [id],
    );
    expect(step).toMatchObject({
      kind: 'retry',
      name: 'retry_execution',
      input: { stop_reason: 'error' },
      error: failed.error,
    });
    expect(await jobsOf(db.pool, id)).toHaveLength(1);
    await finish(db.pool, worker, id);
    expect(await kinds(id)).toEqual(['model', 'error', 'retry', 'model', 'output']);
  });

  test('starts a run that was cancelled before it began', async () => {
    const id = await make();
    await cancel(id);
    expect(await retry(id)).toMatchObject({ status: 'queued', step_count: 1, message_count: 0 });
    await finish(db.pool, worker, id);
    expect(await kinds(id)).toEqual(['retry', 'model', 'output']);
  });

  test.each([
    ['max_steps', { max_steps: 1 }, { max_steps: 2 }, { max_steps: 3 }],
    ['max_tokens', { max_tokens: 10 }, { max_tokens: '25' }, { max_tokens: '40' }],
    ['max_cost', { max_cost: '0.5' }, { max_cost: '0.5' }, { max_cost: '0.5' }],
    ['max_time', { max_seconds: 7 }, { max_seconds: 8 }, { max_seconds: 8 }],
  ] as const)(
    'raises an exhausted %s by its original amount at each retry',
    async (reason, first, second, third) => {
      const limits = await makeAgent(db.pool, { ...first });
      const id = await stopped(reason, { agent_id: limits });
      expect(await retry(id)).toMatchObject(second);
      await finish(db.pool, worker, id, { ...failed, stop_reason: reason });
      expect(await retry(id)).toMatchObject(third);
      await finish(db.pool, worker, id);
    },
  );

  test('does not raise limits that were not exhausted', async () => {
    const limits = await makeAgent(db.pool, { max_steps: 1, max_tokens: 10 });
    const id = await stopped('error', { agent_id: limits });
    expect(await retry(id)).toMatchObject({ max_steps: 1, max_tokens: '10', max_seconds: 600 });
    await cancel(id);
  });

  test('rejects a completed run, with a hint to fork it', async () => {
    const id = await make();
    await finish(db.pool, worker, id);
    const refused = await refusal(retry(id));
    expect(refused).toMatchObject({ code: 'HWTRM' });
    expect(refused.hint).toContain('howdah.fork_execution');
    expect(await refusal(retry('019a0000-0000-7000-8000-000000000001'))).toMatchObject({
      code: 'HWNTF',
    });
  });

  test('rejects a live run', async () => {
    const id = await make();
    expect(await refusal(retry(id))).toMatchObject({ code: 'HWCNF' });
    await db.pool.query('select howdah.pause_execution($1)', [id]);
    const refused = await refusal(retry(id));
    expect(refused).toMatchObject({ code: 'HWCNF' });
    expect(refused.hint).toContain('howdah.resume_execution');
  });

  test('rejects a child and names its root', async () => {
    const root = await make();
    const child = await make({ parent_execution_id: await make({ parent_execution_id: root }) });
    await cancel(child);
    const refused = await refusal(retry(child));
    expect(refused).toMatchObject({ code: 'HWCNF' });
    expect(refused.hint).toContain(root);
    expect(refused.fields).toMatchObject({ root_execution_id: root });
  });

  test('two concurrent retries: one succeeds, the other finds the run live', async () => {
    const id = await stopped('error');
    const other = await testClient(db.pool);
    let second: ReturnType<typeof refusal> | undefined;
    await committed(db.pool, async (client) => {
      await retry(id, client);
      second = refusal(retry(id, other));
      await isBlocked(db.pool, other);
    });
    expect(await second).toMatchObject({ code: 'HWCNF' });
    expect(await kinds(id)).toEqual(['model', 'error', 'retry']);
  });

  describe('in a session', () => {
    const liveOf = async (session: string) =>
      (
        await one(db.pool, 'select live_execution_id as id from howdah.sessions where id = $1', [
          session,
        ])
      ).id;

    test('takes the turn when no run has it', async () => {
      const session_id = await makeSession(db.pool);
      const id = await stopped('error', { session_id });
      expect(await liveOf(session_id)).toBeNull();
      expect(await retry(id)).toMatchObject({ status: 'queued', turn: 1 });
      expect(await liveOf(session_id)).toBe(id);
      const next = await make({ session_id });
      expect(await runRow(db.pool, next)).toMatchObject({ status: 'waiting' });
      await finish(db.pool, worker, id);
      expect(await runRow(db.pool, next)).toMatchObject({ status: 'queued' });
    });

    test('waits for the turn when another run has it, ahead of later turns', async () => {
      const session_id = await makeSession(db.pool);
      const id = await stopped('error', { session_id });
      const [live, later] = [await make({ session_id }), await make({ session_id })];
      expect(await retry(id)).toMatchObject({ status: 'waiting', waiting_for: 'turn' });
      await finish(db.pool, worker, live);
      expect(await runRow(db.pool, id)).toMatchObject({ status: 'queued' });
      expect(await runRow(db.pool, later)).toMatchObject({ status: 'waiting' });
      await finish(db.pool, worker, id);
      expect(await runRow(db.pool, later)).toMatchObject({ status: 'queued' });
      await finish(db.pool, worker, later);
    });

    test('does not wait for a session lock of another tenant', async () => {
      const tenant_id = await makeTenant(db.pool);
      const agent_id = await makeAgent(db.pool, { tenant_id });
      const session_id = await makeSession(db.pool, { tenant_id });
      const id = await make({ tenant_id, agent_id, session_id });
      await cancel(id);
      const holder = await testClient(db.pool);
      await holder.query('begin');
      await holder.query('select from howdah.sessions where id = $1 for no key update', [
        session_id,
      ]);
      for (const text of ['retry_execution', 'resume_execution']) {
        await asRole(db.pool, 'howdah_app', {}, async (client) => {
          await client.query(`set local lock_timeout = '1s'`);
          expect(await refusal(client.query(`select howdah.${text}($1)`, [id]))).toMatchObject({
            code: 'HWNTF',
          });
        });
      }
      await holder.query('rollback');
    });

    test('gets the turn while the live run is ending', async () => {
      const session_id = await makeSession(db.pool);
      const id = await stopped('error', { session_id });
      const live = await make({ session_id });
      await claim(db.pool, worker, [live]);
      const retrier = await testClient(db.pool);
      let retried: Promise<unknown> | undefined;
      await committed(db.pool, async (client) => {
        const steps = [answer, { kind: 'output', output: 'x' }];
        await commit(client, worker, [{ id: live, fence: 1, after: 0, steps, to: completed }]);
        retried = retry(id, retrier);
        await isBlocked(db.pool, retrier);
      });
      expect(await retried).toMatchObject({ status: 'queued' });
      expect(await liveOf(session_id)).toBe(id);
      await finish(db.pool, worker, id);
    });
  });

  describe('of a run with children and effects', () => {
    test('starts a withdrawn child again', async () => {
      const root = await make();
      await claim(db.pool, worker, [root]);
      const child = await spawn(db.pool, worker, { id: root, fence: 1, after: 0 }, agent);
      await cancel(root);
      expect(await runRow(db.pool, child)).toMatchObject({ status: 'cancelled' });
      expect(await retry(root)).toMatchObject({ live_children: 0, has_inbox: false });
      const [claimed] = await claim(db.pool, worker, [root]);
      const again = { id: root, fence: claimed?.fence, after: 2 };
      const second = await spawn(db.pool, worker, again, agent);
      expect(await runRow(db.pool, root)).toMatchObject({ live_children: 1 });
      await cancel(second);
      await cancel(root);
    });

    test('receives results that arrived before the run ended', async () => {
      const root = await make();
      await claim(db.pool, worker, [root]);
      const child = await spawn(db.pool, worker, { id: root, fence: 1, after: 0 }, agent);
      await finish(db.pool, worker, child);
      await cancel(root);
      expect(await retry(root)).toMatchObject({ has_inbox: true });
      await claim(db.pool, worker, [root]);
      expect(await kinds(root)).toEqual(['child_started', 'retry', 'child']);
      await cancel(root);
    });

    const undoable = async () => {
      const undo = await makeTool(db.pool);
      const book = await makeTool(db.pool, { compensation_tool_id: undo });
      const agent_id = await makeAgent(db.pool);
      await db.pool.query('insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)', [
        agent_id,
        book,
      ]);
      const { name } = await one(db.pool, 'select name from howdah.tools where id = $1', [book]);
      return { agent_id, step: { kind: 'tool', name, call_id: 'b', input: {}, output: {} } };
    };

    test('is rejected when the effects of the run were undone', async () => {
      const { agent_id, step } = await undoable();
      const id = await make({ agent_id });
      await claim(db.pool, worker, [id]);
      await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [step] }]);
      await cancel(id);
      const undoing = await one(
        db.pool,
        'select id from howdah.executions where compensates_execution_id = $1',
        [id],
      );
      const refused = await refusal(retry(id));
      expect(refused).toMatchObject({ code: 'HWCNF' });
      expect(refused.hint).toContain('howdah.fork_execution');
      expect(refused.fields).toMatchObject({ compensation_id: undoing.id });
    });

    test('is rejected when the effects of a child were undone', async () => {
      const { agent_id, step } = await undoable();
      const id = await make();
      await claim(db.pool, worker, [id]);
      const child = await spawn(db.pool, worker, { id, fence: 1, after: 0 }, agent_id);
      await claim(db.pool, worker, [child]);
      const steps = [step, answer, { kind: 'output', output: 'x' }];
      await commit(db.pool, worker, [{ id: child, fence: 1, after: 0, steps, to: completed }]);
      await cancel(id);
      expect(
        await all(db.pool, 'select id from howdah.executions where compensates_execution_id = $1', [
          child,
        ]),
      ).toHaveLength(1);
      expect(await refusal(retry(id))).toMatchObject({ code: 'HWCNF' });
    });

    test('an unanswered effect question is withdrawn and asked again; an answered one is delivered', async () => {
      const started = {
        kind: 'tool_started',
        name: 'book',
        call_id: 'b',
        effect: 'once',
        input: {},
      };
      const questions = (id: string) =>
        all(db.pool, 'select * from howdah.questions where execution_id = $1 order by id', [id]);
      const id = await make();
      await claim(db.pool, worker, [id]);
      await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [started] }]);
      await cancel(id);
      expect(await questions(id)).toMatchObject([{ kind: 'effect', status: 'open' }]);
      await retry(id);
      expect(await questions(id)).toMatchObject([{ kind: 'effect', status: 'cancelled' }]);
      await cancel(id);
      const [, open] = await questions(id);
      expect(open).toMatchObject({ kind: 'effect', status: 'open' });
      await db.pool.query(`select howdah.answer_question($1, 'done', '{"order": 7}')`, [open?.id]);
      expect(await retry(id)).toMatchObject({ has_inbox: true });
      await claim(db.pool, worker, [id]);
      expect(await kinds(id)).toEqual(['tool_started', 'retry', 'retry', 'answer']);
      await cancel(id);
      expect(await questions(id)).toHaveLength(2); // answered questions are not asked again
      await retry(id);
      await claim(db.pool, worker, [id]);
      await cancel(id);
    });
  });
});
