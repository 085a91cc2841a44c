import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  answer,
  asRole,
  claim,
  commit,
  completed,
  failed,
  finish,
  isBlocked,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeWorker,
  one,
  refusal,
  testClient,
} from '../support.ts';

const db = testDatabase();
let agent: string;
let worker: string;

beforeAll(async () => {
  agent = await makeAgent(db.pool);
  worker = await makeWorker(db.pool);
});

const stateOf = async (session: string) =>
  (await one(db.pool, 'select howdah.session_state($1) as state', [session])).state;

const say = (session: string) => makeRun(db.pool, { agent_id: agent, session_id: session });

const control = (what: string, id: string) =>
  db.pool.query(`select howdah.${what}_execution($1)`, [id]);

/** Commits a question of a run to a person. Returns the id of the question. */
async function ask(id: string, columns: Record<string, unknown>): Promise<string> {
  const [run] = await claim(db.pool, worker, [id]);
  const { uuid } = await one(db.pool, 'select howdah.uuid_v7() as uuid');
  const question = { id: uuid, kind: 'question', call_id: 'c1', prompt: 'Which?', ...columns };
  await commit(db.pool, worker, [
    {
      id,
      fence: run?.fence,
      after: run?.step_count,
      steps: [{ kind: 'question', call_id: 'c1', question }],
      to: { status: 'waiting', waiting_for: 'question' },
    },
  ]);
  return uuid;
}

describe('session_state', () => {
  test('of an idle session has no open question and no blocker', async () => {
    expect(await stateOf(await makeSession(db.pool))).toEqual({
      version: 0,
      tasks: [],
      awaiting_user_input: null,
      blocker: null,
    });
  });

  test('lists todos in order', async () => {
    const session = await makeSession(db.pool);
    await db.pool.query(
      `insert into howdah.todos (session_id, title, status, note) values ($1, 'a', 'done', 'quickly'), ($1, 'b', 'open', null)`,
      [session],
    );
    expect((await stateOf(session)).tasks).toEqual([
      { position: 1, title: 'a', status: 'done', note: 'quickly' },
      { position: 2, title: 'b', status: 'open', note: null },
    ]);
  });

  test('returns the open question, also of a run below the live one', async () => {
    const session = await makeSession(db.pool);
    const root = await say(session);
    await claim(db.pool, worker, [root]);
    const child = await makeRun(db.pool, { agent_id: agent, parent_execution_id: root });
    const question_id = await ask(child, { options: ['red', 'blue'] });
    expect(await stateOf(session)).toMatchObject({
      awaiting_user_input: {
        question_id,
        kind: 'question',
        prompt: 'Which?',
        options: ['red', 'blue'],
        schema: null,
      },
      blocker: null,
    });
    await db.pool.query(`select howdah.answer_question($1, 'red')`, [question_id]);
    expect((await stateOf(session)).awaiting_user_input).toBeNull();
    await control('cancel', root);
  });

  test('returns the blocker', async () => {
    const session = await makeSession(db.pool);
    const first = await say(session);
    const question_id = await ask(first, {
      kind: 'approval',
      prompt: 'May I call pay?',
      tool_call: { name: 'pay' },
    });
    expect(await stateOf(session)).toMatchObject({
      awaiting_user_input: { question_id, kind: 'approval' },
      blocker: {
        reason: 'approval',
        message: 'waits for approval: May I call pay?',
        execution_id: first,
      },
    });
    await control('cancel', first);
    expect((await stateOf(session)).blocker).toBeNull();

    const second = await say(session);
    await control('pause', second);
    expect((await stateOf(session)).blocker).toMatchObject({
      reason: 'paused',
      execution_id: second,
    });
    await control('resume', second);
    expect((await stateOf(session)).blocker).toBeNull();

    await finish(db.pool, worker, second, failed);
    expect((await stateOf(session)).blocker).toEqual({
      reason: 'failed',
      message: 'the last run failed: the model server said no',
      execution_id: second,
    });
    await finish(db.pool, worker, await say(session));
    expect((await stateOf(session)).blocker).toBeNull();

    await db.pool.query(
      `insert into howdah.todos (session_id, title, status, note) values ($1, 'Refund', 'blocked', 'no account')`,
      [session],
    );
    expect((await stateOf(session)).blocker).toEqual({
      reason: 'blocked_todo',
      message: 'todo 1 is blocked: Refund — no account',
      execution_id: null,
    });
  });

  test('of another tenant is not found', async () => {
    const session = await makeSession(db.pool);
    const settings = { 'howdah.tenant_id': await makeTenant(db.pool) };
    await asRole(db.pool, 'howdah_app', settings, async (client) => {
      expect(
        await refusal(client.query('select howdah.session_state($1)', [session])),
      ).toMatchObject({ code: 'HWNTF' });
    });
  });
});

describe('session_state version', () => {
  test('increases with every change of runs, questions and todos', async () => {
    const session = await makeSession(db.pool);
    let version = 0;
    const grows = async (what: string, change: () => Promise<unknown>) => {
      await change();
      const next = (await stateOf(session)).version;
      expect({ what, grew: next > version }).toEqual({ what, grew: true });
      expect((await stateOf(session)).version).toBe(next); // grows only by changes
      version = next;
    };
    let run = '';
    let question = '';
    await grows('a message', async () => {
      run = await say(session);
    });
    await grows('a pause', () => control('pause', run));
    await grows('a resumption', () => control('resume', run));
    await grows('a question', async () => {
      question = await ask(run, {});
    });
    await grows('an answer', () =>
      db.pool.query(`select howdah.answer_question($1, 'x')`, [question]),
    );
    await grows('a claim', () => claim(db.pool, worker, [run]));
    let child = '';
    await grows('a child', async () => {
      child = await makeRun(db.pool, { agent_id: agent, parent_execution_id: run });
    });
    await grows('a step of the child', async () => {
      const [claimed] = await claim(db.pool, worker, [child]);
      await commit(db.pool, worker, [
        {
          id: child,
          fence: claimed?.fence,
          after: 0,
          steps: [answer, { kind: 'output' }],
          to: completed,
        },
      ]);
    });
    await grows('the end', () => control('cancel', run));
    await grows('a retry', () => control('retry', run));
    await grows('the end again', () => control('cancel', run));
    const todo = (text: string) => () => db.pool.query(text, [session]);
    await grows(
      'a todo',
      todo(`insert into howdah.todos (session_id, title) values ($1, 'a'), ($1, 'b')`),
    );
    await grows(
      'a todo done',
      todo(`update howdah.todos set status = 'done' where session_id = $1 and title = 'a'`),
    );
    await grows('a todo gone', todo('delete from howdah.todos where session_id = $1'));
  });

  test('also increases when the transaction that began first commits last', async () => {
    const session = await makeSession(db.pool);
    await db.pool.query(`insert into howdah.todos (session_id, title) values ($1, 'a')`, [session]);
    const [early, late] = [await testClient(db.pool), await testClient(db.pool)];
    await early.query('begin; select now()');
    await late.query('begin');
    await late.query(`update howdah.todos set status = 'doing' where session_id = $1`, [session]);
    const changed = early.query(`update howdah.todos set status = 'done' where session_id = $1`, [
      session,
    ]);
    await isBlocked(db.pool, early);
    const before = (await stateOf(session)).version;
    await late.query('commit');
    await changed;
    const between = (await stateOf(session)).version;
    await early.query('commit');
    const after = (await stateOf(session)).version;
    expect([between > before, after > between]).toEqual([true, true]);
  });

  test('deleting a session deletes its todo changes', async () => {
    const session = await makeSession(db.pool);
    await db.pool.query(`insert into howdah.todos (session_id, title) values ($1, 'a')`, [session]);
    await db.pool.query('delete from howdah.sessions where id = $1', [session]);
    expect(
      (
        await db.pool.query('select from howdah_private.todo_changes where session_id = $1', [
          session,
        ])
      ).rowCount,
    ).toBe(0);
  });
});
