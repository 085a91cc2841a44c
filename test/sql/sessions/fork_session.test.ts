import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  claim,
  failed,
  finish,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeWorker,
  one,
  refusal,
  rolledBack,
} from '../support.ts';

type Message = { role: string; content: string; [key: string]: unknown };

describe('fork_session', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });

  const fork = (id: string, content: string, turn?: number, parts?: object[]) =>
    one(db.pool, 'select * from howdah.fork_session($1, $2, $3, $4)', [
      ...[id, content, turn],
      parts && JSON.stringify(parts),
    ]);
  const send = async (id: string, content: string) => {
    await db.pool.query('select howdah.send_message($1, $2)', [id, content]);
    return liveRun(id);
  };
  const liveRun = async (id: string): Promise<string> =>
    (await one(db.pool, 'select live_execution_id as id from howdah.sessions where id = $1', [id]))
      .id;
  /** Creates a session with these messages, each of them answered. */
  const makeConversation = async (...said: string[]) => {
    const id = await makeSession(db.pool, { agent_id: agent, title: 'Orders', policy: 'reject' });
    for (const text of said) await finish(db.pool, worker, await send(id, text));
    return id;
  };
  /** Returns the history that a claim of the run contains. */
  const claimedHistory = async (run: string): Promise<Message[]> => {
    const [claimed] = await claim(db.pool, worker, [run]);
    return claimed?.history;
  };
  const words = (messages: Message[]) => messages.map(({ role, content }) => `${role}: ${content}`);
  /** Ends a claimed run by cancelling it. */
  const end = (run: string) => db.pool.query('select howdah.cancel_execution($1)', [run]);
  const ANSWER = 'assistant: It is on its way.';
  const CANCELLED =
    'user: (This turn was cancelled before its answer. What was done before stays done.)';
  const FAILED =
    'user: (This turn failed before its answer: provider. What was done before stays done.)';

  test('starts with the conversation up to the end of the turn and the new message', async () => {
    const id = await makeConversation('One.', 'Two.', 'Three.');
    const before = await one(
      db.pool,
      `select to_jsonb(s) as row, (select count(*)::int from howdah.executions as e where e.session_id = s.id) as runs
       from howdah.sessions as s where s.id = $1`,
      [id],
    );
    const branch = await fork(id, 'Another three.', 2);
    expect(branch).toMatchObject({
      ...{ agent_id: agent, title: 'Orders', policy: 'reject', turns: 1 },
      ...{ forked_from_session_id: id, forked_from_turn: 2 },
    });
    const run = await one(db.pool, 'select * from howdah.executions where session_id = $1', [
      branch.id,
    ]);
    expect(run).toMatchObject({ id: branch.live_execution_id, turn: 1, input: 'Another three.' });
    expect(words(await claimedHistory(run.id))).toEqual([
      'user: One.',
      ANSWER,
      'user: Two.',
      ANSWER,
    ]);
    await end(run.id);
    const after = await one(
      db.pool,
      `select to_jsonb(s) as row, (select count(*)::int from howdah.executions as e where e.session_id = s.id) as runs
       from howdah.sessions as s where s.id = $1`,
      [id],
    );
    expect(after).toEqual(before);
  });

  test('continues from the last turn by default, and later turns see the whole history', async () => {
    const id = await makeConversation('One.', 'Two.');
    const branch = await fork(id, 'Three.');
    expect(branch.forked_from_turn).toBe(2);
    await finish(db.pool, worker, branch.live_execution_id);
    const next = await send(branch.id, 'Four.');
    const said = ['user: One.', ANSWER, 'user: Two.', ANSWER, 'user: Three.', ANSWER];
    expect(words(await claimedHistory(next))).toEqual(said);
    await end(next);
  });

  test('of a fork continues from all of its inherited history', async () => {
    const first = await fork(await makeConversation('One.', 'Two.'), 'Three.', 1);
    await finish(db.pool, worker, first.live_execution_id);
    const second = await fork(first.id, 'Four.');
    expect(words(await claimedHistory(second.live_execution_id))).toEqual([
      ...['user: One.', ANSWER, 'user: Three.', ANSWER],
    ]);
    await end(second.live_execution_id);
  });

  test('keeps its inherited history when its first run fails or is cancelled', async () => {
    const id = await makeConversation('One.');
    const branch = await fork(id, 'Two.');
    await finish(db.pool, worker, branch.live_execution_id, failed);
    const next = await send(branch.id, 'Three.');
    const kept = ['user: One.', ANSWER, 'user: Two.', ANSWER, FAILED];
    expect(words(await claimedHistory(next))).toEqual(kept);
    await end(next);
    const again = await fork(branch.id, 'Four.');
    expect(words(await claimedHistory(again.live_execution_id))).toEqual([
      ...[...kept, 'user: Three.', CANCELLED],
    ]);
    await end(again.live_execution_id);
  });

  test('has the turns that did not complete, as the session does', async () => {
    const id = await makeConversation('One.');
    await finish(db.pool, worker, await send(id, 'Two.'), failed);
    const branch = await fork(id, 'Three.');
    expect(words(await claimedHistory(branch.live_execution_id))).toEqual([
      ...['user: One.', ANSWER, 'user: Two.', ANSWER, FAILED],
    ]);
    await end(branch.live_execution_id);
  });

  test('puts summaries in place of the turns they cover', async () => {
    const id = await makeConversation('One.', 'Two.');
    const { id: last } = await one(
      db.pool,
      'select id from howdah.executions where session_id = $1 and turn = 2',
      [id],
    );
    await rolledBack(db.pool, async (client) => {
      // A summary of all messages before the run, and of its input.
      await client.query(
        `insert into howdah_private.message_log (execution_id, seq, tenant_id, session_id, role, content, covers_from_seq, covers_to_seq, trust)
         select $1, 3, e.tenant_id, e.session_id, 'user', 'They asked twice.', 0, 1, 'internal'
         from howdah.executions as e where e.id = $1`,
        [last],
      );
      const { run } = await one(
        client,
        `select s.live_execution_id as run from howdah.fork_session($1, 'Three.') as s`,
        [id],
      );
      const { history } = await one(client, 'select history from howdah.executions where id = $1', [
        run,
      ]);
      expect(words(history)).toEqual([
        'user: Summary of the conversation so far:\nThey asked twice.',
        ANSWER,
      ]);
    });
  });

  test('includes files by name, and is trusted no more than its history', async () => {
    const id = await makeConversation('One.');
    const { id: file } = await one(
      db.pool,
      `insert into howdah.resources (name, type, bytes) values ('order.txt', 'text/plain', 'A-1001') returning id`,
    );
    await db.pool.query('select howdah.send_message($1, $2, $3)', [
      ...[id, 'Read it.'],
      JSON.stringify([{ type: 'resource', resource_id: file }]),
    ]);
    await finish(db.pool, worker, await liveRun(id));
    const branch = await fork(id, 'And now?');
    const messages = await claimedHistory(branch.live_execution_id);
    expect(messages[2]).toMatchObject({ parts: [{ type: 'text', text: '[file order.txt]' }] });
    const { trust } = await one(db.pool, 'select trust from howdah.executions where id = $1', [
      branch.live_execution_id,
    ]);
    expect(trust).toBe('external'); // the fork contains the answer to the external file
    await end(branch.live_execution_id);
  });

  test.each([[0], [3], [-1]])('rejects turn %i of two', async (turn) => {
    const id = await makeConversation('One.', 'Two.');
    const refused = await refusal(fork(id, 'x', turn));
    expect(refused).toMatchObject({ code: 'HWINV', hint: 'Use a turn from 1 to 2.' });
    expect(refused.fields).toEqual({ field: 'turn', turns: 2 });
  });

  test('rejects turn 2 of one', async () => {
    const id = await makeConversation('One.');
    expect(await refusal(fork(id, 'x', 2))).toMatchObject({
      message: `session ${id} has one turn and cannot be forked after turn 2`,
      hint: 'Use turn 1, or omit turn.',
    });
  });

  test('rejects a session without messages, a live turn and an empty message', async () => {
    expect(await refusal(fork(await makeConversation(), 'x'))).toMatchObject({
      ...{ code: 'HWINV', hint: 'Send a message to the session first.' },
    });
    const id = await makeConversation('One.');
    const live = await send(id, 'Two.');
    expect(await refusal(fork(id, 'x'))).toMatchObject({
      ...{ code: 'HWCNF', hint: 'Wait until it ends, or fork after turn 1.' },
    });
    const branch = await fork(id, 'x', 1);
    await end(branch.live_execution_id);
    await end(live);
    expect(await refusal(fork(id, '  ', 1))).toMatchObject({
      code: 'HWINV',
      message: 'content is empty',
    });
  });

  test('rejects a history that is too long', async () => {
    const id = await makeSession(db.pool, { agent_id: agent });
    const run = await makeRun(db.pool, { agent_id: agent, session_id: id });
    await finish(db.pool, worker, run);
    await rolledBack(db.pool, async (client) => {
      await client.query(
        `insert into howdah_private.message_log (execution_id, seq, tenant_id, session_id, role, content, trust)
         select $1, 2 + i, e.tenant_id, e.session_id, 'assistant', 'x', 'internal'
         from howdah.executions as e cross join generate_series(1, 2000) as i where e.id = $1`,
        [run],
      );
      const refused = await refusal(client.query(`select howdah.fork_session($1, 'x')`, [id]));
      expect(refused).toMatchObject({ code: 'HWINV', hint: 'Fork after an earlier turn.' });
    });
  });

  test('rejects a session of another tenant and an inactive agent', async () => {
    const tenant_id = await makeTenant(db.pool);
    const foreign = await makeSession(db.pool, {
      ...{ tenant_id, agent_id: await makeAgent(db.pool, { tenant_id }) },
    });
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      const refused = refusal(client.query(`select howdah.fork_session($1, 'x')`, [foreign]));
      expect(await refused).toMatchObject({ code: 'HWNTF' });
    });
    const id = await makeConversation('One.');
    const idle = await makeAgent(db.pool, { is_active: false });
    await db.pool.query('update howdah.sessions set agent_id = $2 where id = $1', [id, idle]);
    expect(await refusal(fork(id, 'x'))).toMatchObject({ code: 'HWCNF' });
  });

  test('works for the application, which then owns the new session', async () => {
    const id = await makeConversation('One.');
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      await client.query(`select howdah.fork_session($1, 'Two.')`, [id]);
      const rows = await all(
        client,
        'select turns from howdah.sessions where forked_from_session_id = $1',
        [id],
      );
      expect(rows).toEqual([{ turns: 1 }]);
    });
  });
});
