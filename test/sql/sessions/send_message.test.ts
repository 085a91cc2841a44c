import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  asRole,
  claim,
  commit,
  completed,
  finish,
  isBlocked,
  makeAgent,
  makeRun,
  makeTenant,
  makeWorker,
  one,
  refusal,
  unique,
} from '../support.ts';

const db = testDatabase();
let agent: string;
let agentName: string;
let worker: string;

beforeAll(async () => {
  agentName = unique('agent');
  agent = await makeAgent(db.pool, { name: agentName });
  worker = await makeWorker(db.pool);
});

type Client = Pick<pg.Pool, 'query'>;

async function startSession(policy = 'queue', name = agentName): Promise<string> {
  const { id } = await one(db.pool, 'select (howdah.start_session($1, policy => $2)).id', [
    name,
    policy,
  ]);
  return id;
}

const send = (session: string, content: string, client: Client = db.pool) =>
  one(client, 'select * from howdah.send_message($1, $2)', [session, content]);

const runsOf = (session: string) =>
  all(
    db.pool,
    'select id, turn, status, waiting_for, input, agent_id from howdah.executions where session_id = $1 order by turn',
    [session],
  );

const liveOf = async (session: string): Promise<string> =>
  (await one(db.pool, 'select live_execution_id from howdah.sessions where id = $1', [session]))
    .live_execution_id;

const inboxOf = (id: string) =>
  all(
    db.pool,
    'select kind, content from howdah_private.inbox where execution_id = $1 order by id',
    [id],
  );

/**
 * Runs `work` with two connections. The first one has an open transaction, which `work` may commit.
 */
async function twoConnections<T>(
  work: (first: pg.PoolClient, second: pg.PoolClient) => Promise<T>,
) {
  const [first, second] = [await db.pool.connect(), await db.pool.connect()];
  try {
    await first.query('begin');
    return await work(first, second);
  } finally {
    await first.query('rollback'); // does nothing after a commit
    first.release();
    second.release();
  }
}

/** Commits a question of the live run to a person, and parks the run. */
async function askIn(
  session: string,
  columns: Record<string, unknown> = {},
  asker?: string,
): Promise<string> {
  const id = asker ?? (await liveOf(session));
  const [run] = await claim(db.pool, worker, [id]);
  const { uuid } = await one(db.pool, 'select howdah.uuid_v7() as uuid');
  const question = { id: uuid, kind: 'question', call_id: 'c1', prompt: 'Which?', ...columns };
  const [result] = await commit(db.pool, worker, [
    {
      id,
      fence: run?.fence,
      after: run?.step_count,
      steps: [{ kind: 'question', call_id: 'c1', question }],
      to: { status: 'waiting', waiting_for: 'question' },
    },
  ]);
  expect(result).toMatchObject({ outcome: 'committed', status: 'waiting' });
  return uuid;
}

describe('start_session', () => {
  test('returns a session of the agent and stores title, policy and state', async () => {
    const plain = await one(db.pool, 'select * from howdah.start_session($1)', [agentName]);
    expect(plain).toMatchObject({
      agent_id: agent,
      policy: 'queue',
      state: {},
      title: null,
      turns: 0,
    });
    const session = await one(
      db.pool,
      `select * from howdah.start_session($1, 'Order 17', 'steer', '{"order": 17}')`,
      [agentName],
    );
    expect(session).toMatchObject({ title: 'Order 17', policy: 'steer', state: { order: 17 } });
  });

  test('rejects an unknown agent and an inactive one', async () => {
    expect(await refusal(startSession('queue', 'nobody'))).toMatchObject({ code: 'HWNTF' });
    const name = unique('agent');
    await makeAgent(db.pool, { name, is_active: false });
    expect(await refusal(startSession('queue', name))).toMatchObject({
      code: 'HWCNF',
      hint: expect.stringContaining('is_active'),
    });
  });
});

describe('send_message', () => {
  test('starts a run of the agent and returns the updated session', async () => {
    const session = await startSession();
    const after = await send(session, 'Hello');
    const [run] = await runsOf(session);
    expect(run).toMatchObject({ turn: 1, status: 'queued', input: 'Hello', agent_id: agent });
    expect(after).toMatchObject({ id: session, turns: 1, live_execution_id: run?.id });
  });

  test('rejects empty content, content that is too long, and unknown sessions', async () => {
    const session = await startSession();
    for (const content of ['', ' \n', null]) {
      expect(await refusal(send(session, content as string))).toMatchObject({
        code: 'HWINV',
        message: 'content is empty',
        detail: '{"field": "content"}',
      });
    }
    expect(await refusal(send(session, 'x'.repeat(1_048_577)))).toMatchObject({ code: 'HWINV' });
    expect(await refusal(send(agent, 'Hello'))).toMatchObject({
      code: 'HWNTF',
      hint: expect.stringContaining('start_session'),
    });
  });

  test('accepts parts, also without text, and rejects parts no model accepts', async () => {
    const session = await startSession();
    const parts = [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }];
    const say = (value: unknown) =>
      db.pool.query(`select howdah.send_message($1, '', $2)`, [session, JSON.stringify(value)]);
    await say(parts);
    const { input_parts } = await one(
      db.pool,
      'select input_parts from howdah.executions where session_id = $1',
      [session],
    );
    expect(input_parts).toEqual(parts);
    expect(await refusal(say([{ type: 'smell' }]))).toMatchObject({
      code: 'HWINV',
      detail: expect.stringContaining('input_parts[0].type'),
    });
  });

  test('suggests switch_agent when the session has no agent', async () => {
    const { id } = await one(db.pool, 'insert into howdah.sessions default values returning id');
    expect(await refusal(send(id, 'Hello'))).toMatchObject({
      code: 'HWINV',
      hint: expect.stringContaining('howdah.switch_agent'),
    });
  });

  test('works only within its tenant, and the run belongs to that tenant', async () => {
    const tenant = await makeTenant(db.pool);
    const session = await startSession();
    const settings = { 'howdah.tenant_id': tenant };
    await asRole(db.pool, 'howdah_app', settings, async (client) => {
      expect(await refusal(send(session, 'Hello', client))).toMatchObject({ code: 'HWNTF' });
    });
    const { tenant_id } = await one(
      db.pool,
      'select tenant_id from howdah.sessions where id = $1',
      [session],
    );
    const { id: user } = await one(
      db.pool,
      `insert into howdah.users (tenant_id, username) values ($1, 'ada') returning id`,
      [tenant_id],
    );
    await asRole(
      db.pool,
      'howdah_app',
      { 'howdah.tenant_id': tenant_id, 'howdah.user_id': user },
      async (client) => {
        const { id } = await one(client, 'select * from howdah.start_session($1)', [agentName]);
        await send(id, 'Hello', client);
        expect(
          await one(
            client,
            'select user_id, created_by from howdah.executions where session_id = $1',
            [id],
          ),
        ).toEqual({ user_id: user, created_by: 'ada' });
      },
    );
  });
});

describe('a message during a live run', () => {
  test('queue: waits for its turn', async () => {
    const session = await startSession('queue');
    await send(session, 'one');
    await send(session, 'two');
    expect(await runsOf(session)).toMatchObject([
      { turn: 1, status: 'queued' },
      { turn: 2, status: 'waiting', waiting_for: 'turn' },
    ]);
  });

  test('reject: is rejected', async () => {
    const session = await startSession('reject');
    await send(session, 'one');
    expect(await refusal(send(session, 'two'))).toMatchObject({ code: 'HWCNF' });
    expect(await runsOf(session)).toHaveLength(1);
    await finish(db.pool, worker, await liveOf(session));
    await send(session, 'three');
    expect(await runsOf(session)).toHaveLength(2);
  });

  test('interrupt: cancels the live run', async () => {
    const session = await startSession('interrupt');
    await send(session, 'one');
    await send(session, 'two');
    expect(await runsOf(session)).toMatchObject([
      { turn: 1, status: 'cancelled' },
      { turn: 2, status: 'queued' },
    ]);
  });

  test('steer: joins the live run and needs no agent', async () => {
    const session = await startSession('steer');
    await send(session, 'one');
    const live = await liveOf(session);
    await db.pool.query('update howdah.sessions set agent_id = null where id = $1', [session]);
    const after = await send(session, 'two');
    expect(after).toMatchObject({ turns: 1, live_execution_id: live });
    expect(await inboxOf(live)).toEqual([{ kind: 'input', content: 'two' }]);
  });

  test('steer: answers the oldest open question; the next message joins the run', async () => {
    const session = await startSession('steer');
    await send(session, 'one');
    const question = await askIn(session);
    const live = await liveOf(session);
    await send(session, 'the blue one');
    expect(
      await one(db.pool, 'select status, answer from howdah.questions where id = $1', [question]),
    ).toEqual({ status: 'answered', answer: 'the blue one' });
    await send(session, 'and quickly');
    expect(await inboxOf(live)).toEqual([
      { kind: 'answer', content: null },
      { kind: 'input', content: 'and quickly' },
    ]);
  });

  test('steer: answers a question when input_parts is JSON null', async () => {
    const session = await startSession('steer');
    await send(session, 'first');
    const question = await askIn(session);
    await db.pool.query(`select howdah.send_message($1, 'blue', 'null')`, [session]);
    expect(
      await one(db.pool, 'select status, answer from howdah.questions where id = $1', [question]),
    ).toMatchObject({ status: 'answered' });
  });

  test('steer: answers a question of a run below the live one', async () => {
    const session = await startSession('steer');
    await send(session, 'one');
    const root = await liveOf(session);
    await claim(db.pool, worker, [root]);
    const child = await makeRun(db.pool, { agent_id: agent, parent_execution_id: root });
    await askIn(session, {}, child);
    await send(session, 'the blue one');
    expect(await inboxOf(child)).toEqual([{ kind: 'answer', content: null }]);
    expect(await inboxOf(root)).toEqual([]);
  });

  test('steer: an answer the question does not accept is rejected, and nothing joins', async () => {
    const session = await startSession('steer');
    await send(session, 'one');
    await askIn(session, { options: ['red', 'blue'] });
    expect(await refusal(send(session, 'green'))).toMatchObject({
      code: 'HWINV',
      hint: expect.stringContaining('blue'),
    });
    const parts = JSON.stringify([{ type: 'text', text: 'x' }]);
    expect(
      await refusal(
        db.pool.query('select howdah.send_message($1, $2, $3)', [session, 'blue', parts]),
      ),
    ).toMatchObject({ code: 'HWINV', hint: expect.stringContaining('add_input') });
    expect(await inboxOf(await liveOf(session))).toEqual([]);
  });

  test('steer: an approval is not answered, so the message joins the run', async () => {
    const session = await startSession('steer');
    await send(session, 'one');
    const question = await askIn(session, { kind: 'approval', tool_call: { name: 'pay' } });
    await send(session, 'approve');
    expect(
      await one(db.pool, 'select status from howdah.questions where id = $1', [question]),
    ).toEqual({ status: 'open' });
    expect(await inboxOf(await liveOf(session))).toEqual([{ kind: 'input', content: 'approve' }]);
  });
});

describe('a plain insert during a live run', () => {
  const insert = (session: string) => makeRun(db.pool, { agent_id: agent, session_id: session });

  test.each([
    ['queue', ['queued', 'waiting']],
    ['interrupt', ['cancelled', 'queued']],
    // An insert always creates a run. The run waits, because there is no message that could join
    // the live run.
    ['steer', ['queued', 'waiting']],
  ])('%s: %j', async (policy, expected) => {
    const session = await startSession(policy);
    await insert(session);
    await insert(session);
    expect((await runsOf(session)).map(({ status }) => status)).toEqual(expected);
  });

  test('reject: is rejected', async () => {
    const session = await startSession('reject');
    await insert(session);
    expect(await refusal(insert(session))).toMatchObject({ code: 'HWCNF' });
  });
});

describe('concurrent calls', () => {
  test('two first messages get two turns, and one of them is live', async () => {
    const session = await startSession('queue');
    await twoConnections(async (first, second) => {
      await send(session, 'one', first);
      const sent = send(session, 'two', second);
      await isBlocked(db.pool, second);
      await first.query('commit');
      await sent;
    });
    expect(await runsOf(session)).toMatchObject([
      { turn: 1, status: 'queued', input: 'one' },
      { turn: 2, status: 'waiting', input: 'two' },
    ]);
  });

  test('of two messages that interrupt, the second wins, and no other run is live', async () => {
    const session = await startSession('interrupt');
    await send(session, 'zero');
    await twoConnections(async (first, second) => {
      await send(session, 'one', first);
      const sent = send(session, 'two', second);
      await isBlocked(db.pool, second);
      await first.query('commit');
      await sent;
    });
    expect((await runsOf(session)).map(({ status }) => status)).toEqual([
      'cancelled',
      'cancelled',
      'queued',
    ]);
  });

  test('of two messages that steer an idle session, the second joins the run of the first', async () => {
    const session = await startSession('steer');
    await twoConnections(async (first, second) => {
      await send(session, 'one', first);
      const sent = send(session, 'two', second);
      await isBlocked(db.pool, second);
      await first.query('commit');
      await sent;
    });
    expect(await runsOf(session)).toHaveLength(1);
    expect(await inboxOf(await liveOf(session))).toEqual([{ kind: 'input', content: 'two' }]);
  });

  test('a message that steers a run as it ends starts a new run', async () => {
    const session = await startSession('steer');
    await send(session, 'one');
    const live = await liveOf(session);
    await twoConnections(async (first, second) => {
      await finish(first, worker, live);
      const sent = send(session, 'two', second);
      await isBlocked(db.pool, second);
      await first.query('commit');
      await sent;
    });
    expect(await runsOf(session)).toMatchObject([
      { turn: 1, status: 'completed' },
      { turn: 2, status: 'queued', input: 'two' },
    ]);
    expect(await inboxOf(live)).toEqual([]);
  });

  test('a message that steers a run as it ends joins the next run in turn', async () => {
    const session = await startSession('steer');
    await send(session, 'one');
    const next = await makeRun(db.pool, { agent_id: agent, session_id: session });
    await twoConnections(async (first, second) => {
      await finish(first, worker, await liveOf(session));
      const sent = send(session, 'two', second);
      await isBlocked(db.pool, second);
      await first.query('commit');
      await sent;
    });
    expect(await runsOf(session)).toHaveLength(2);
    expect(await inboxOf(next)).toEqual([{ kind: 'input', content: 'two' }]);
  });

  test('a run steered while it ends does not end', async () => {
    const session = await startSession('steer');
    await send(session, 'one');
    const live = await liveOf(session);
    const [run] = await claim(db.pool, worker, [live]);
    await twoConnections(async (first, second) => {
      await send(session, 'two', first);
      const ending = commit(second, worker, [
        {
          id: live,
          fence: run?.fence,
          after: 0,
          steps: [answer, { kind: 'output' }],
          to: completed,
        },
      ]);
      await isBlocked(db.pool, second);
      await first.query('commit');
      expect(await ending).toMatchObject([{ outcome: 'inbox', has_inbox: true }]);
    });
    expect(await runsOf(session)).toMatchObject([{ status: 'running' }]);
  });

  test('a cancel before a message: the run ends, and the message gets its turn', async () => {
    for (const policy of ['queue', 'interrupt', 'steer']) {
      const session = await startSession(policy);
      await send(session, 'one');
      const live = await liveOf(session);
      await twoConnections(async (first, second) => {
        await first.query('select howdah.cancel_execution($1)', [live]);
        const sent = send(session, 'two', second);
        await isBlocked(db.pool, second);
        await first.query('commit');
        await sent;
      });
      expect(await runsOf(session)).toMatchObject([
        { turn: 1, status: 'cancelled' },
        { turn: 2, status: 'queued', input: 'two' },
      ]);
    }
  });

  test('a message before a cancel: the message is not lost', async () => {
    for (const policy of ['queue', 'interrupt']) {
      const session = await startSession(policy);
      await send(session, 'one');
      const live = await liveOf(session);
      await twoConnections(async (first, second) => {
        await send(session, 'two', first);
        const cancelled = second
          .query('select howdah.cancel_execution($1)', [live])
          .catch(() => {});
        await isBlocked(db.pool, second);
        await first.query('commit');
        await cancelled;
      });
      expect(await runsOf(session)).toMatchObject([
        { turn: 1, status: 'cancelled' },
        { turn: 2, status: 'queued', input: 'two' },
      ]);
    }
  });

  test('an answer before a message: the message finds the question closed and joins the run', async () => {
    const session = await startSession('steer');
    await send(session, 'one');
    const question = await askIn(session);
    await twoConnections(async (first, second) => {
      await first.query('select howdah.answer_question($1, $2)', [question, 'mine']);
      const sent = send(session, 'two', second);
      await isBlocked(db.pool, second);
      await first.query('commit');
      await sent;
    });
    expect(await inboxOf(await liveOf(session))).toEqual([
      { kind: 'answer', content: null },
      { kind: 'input', content: 'two' },
    ]);
  });
});

describe('switch_agent', () => {
  test('sends the next message to another agent and leaves runs in flight unchanged', async () => {
    const name = unique('agent');
    const other = await makeAgent(db.pool, { name });
    const session = await startSession('queue');
    await send(session, 'one');
    await send(session, 'two');
    const after = await one(db.pool, 'select * from howdah.switch_agent($1, $2)', [session, name]);
    expect(after.agent_id).toBe(other);
    await send(session, 'three');
    expect((await runsOf(session)).map(({ agent_id }) => agent_id)).toEqual([agent, agent, other]);
  });

  test('rejects an unknown agent, an inactive one, and an unknown session', async () => {
    const session = await startSession();
    const switchTo = (id: string, name: string) =>
      refusal(db.pool.query('select howdah.switch_agent($1, $2)', [id, name]));
    expect(await switchTo(session, 'nobody')).toMatchObject({ code: 'HWNTF' });
    expect(await switchTo(agent, agentName)).toMatchObject({ code: 'HWNTF' });
    const name = unique('agent');
    await makeAgent(db.pool, { name, is_active: false });
    expect(await switchTo(session, name)).toMatchObject({ code: 'HWCNF' });
  });

  test('during a send: that message keeps its agent, the next one goes to the new agent', async () => {
    const name = unique('agent');
    const other = await makeAgent(db.pool, { name });
    const session = await startSession('queue');
    await twoConnections(async (first, second) => {
      await send(session, 'one', first);
      const switched = second.query('select howdah.switch_agent($1, $2)', [session, name]);
      await isBlocked(db.pool, second);
      await first.query('commit');
      await switched;
    });
    await send(session, 'two');
    expect((await runsOf(session)).map(({ agent_id }) => agent_id)).toEqual([agent, other]);
  });

  test('a message waiting for another sender does not lock its session, even if the policy changes', async () => {
    const session = await startSession('queue');
    const third = await db.pool.connect();
    await twoConnections(async (first, second) => {
      await first.query('select howdah_private.lock_senders($1)', [session]);
      await third.query('begin');
      await third.query(`update howdah.sessions set policy = 'interrupt' where id = $1`, [session]);
      const sent = send(session, 'one', second);
      await isBlocked(db.pool, second);
      await third.query('commit');
      await first.query('update howdah.sessions set title = $2 where id = $1', [session, 'mine']);
      await first.query('commit');
      await sent;
    }).finally(() => third.release());
    expect(await runsOf(session)).toHaveLength(1);
  });

  test.each(['queue', 'interrupt', 'steer'])(
    'a message that waits for the switch goes to the new agent (%s)',
    async (policy) => {
      const name = unique('agent');
      const other = await makeAgent(db.pool, { name });
      const session = await startSession(policy);
      await twoConnections(async (first, second) => {
        await first.query('select howdah.switch_agent($1, $2)', [session, name]);
        const sent = send(session, 'one', second);
        await isBlocked(db.pool, second);
        await first.query('commit');
        await sent;
      });
      expect((await runsOf(session)).map(({ agent_id }) => agent_id)).toEqual([other]);
    },
  );
});
