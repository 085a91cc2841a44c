import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createFeedHub } from '../../../src/api/feed/feed-hub.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import {
  all,
  claim,
  commit,
  completed,
  failed,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeWorker,
  one,
} from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, count, follow, openSocket, type Socket, startTestApi, until } from '../harness.ts';

const db = testDatabase({ violates: true }); // writes runs and steps by hand
let api: ApiServer;
let socket: Socket;
let agent: string;
let worker: string;

beforeAll(async () => {
  api = await startTestApi(db.url);
  agent = await makeAgent(db.pool);
  worker = await makeWorker(db.pool);
});
afterAll(async () => {
  await api?.close();
});
beforeEach(() => {
  socket = openSocket(api);
});
afterEach(async () => {
  await socket.client.dispose();
});

const MESSAGES = `subscription ($id: UUID!, $after: String) {
  sessionMessages(sessionId: $id, after: $after) { cursor seq role content }
}`;

const followSession = (id: string, after?: string) => follow(socket, MESSAGES, { id, after });

/** Returns cursor and text of each message in order of arrival. */
const contentsOf = (items: { cursor: string; content: string }[]) =>
  items.map(({ cursor, content }) => `${cursor} ${content}`);

/** Starts a turn, claimed by a worker that exists only as a row. */
async function begin(session: string, input: string) {
  return finishTurn(await makeRun(db.pool, { agent_id: agent, session_id: session, input }));
}

async function finishTurn(id: string) {
  const [run] = await claim(db.pool, worker, [id]);
  if (!run) throw new Error(`the turn of ${id} has not come`);
  let after = run.step_count;
  const write = async (steps: object[], silently: boolean, to?: object) => {
    const [result] = await commit(db.pool, worker, [
      { id, fence: run.fence, after, steps: steps as [], ...(to && { to: { ...to } }) },
    ]);
    expect(result?.outcome).toBe('committed');
    after += steps.length;
    if (result?.watched && !silently) {
      await db.pool.query('select howdah_private.announce($1)', [[id]]);
    }
  };
  return {
    id,
    say: (content: string, { silently = false } = {}) =>
      write([{ kind: 'model', messages: [{ role: 'assistant', content }] }], silently),
    sayMany: (many: number) =>
      write(
        count(1, many).map((n) => ({
          kind: 'model',
          messages: [{ role: 'assistant', content: `${n}` }],
        })),
        false,
      ),
    fail: () => write([], false, failed),
    finish: ({ silently = false } = {}) =>
      write([{ kind: 'output', output: completed.output }], silently, completed),
  };
}

const isWatched = (id: string) =>
  until(async () => {
    const { n } = await one(
      db.pool,
      'select count(*)::int as n from howdah_private.watchers where execution_id = $1',
      [id],
    );
    return n > 0;
  });

describe('sessionMessages', () => {
  test('returns existing messages, then new ones, in this turn and in later turns', async () => {
    const session = await makeSession(db.pool);
    const first = await begin(session, 'one');
    await first.say('eins');
    const followed = followSession(session);
    await until(() => followed.items.length === 2);
    await first.say('und');
    await first.finish();
    await until(() => followed.items.length === 3);
    const second = await begin(session, 'two');
    await second.say('zwei');
    await until(() => followed.items.length === 5);
    expect(contentsOf(followed.items)).toEqual([
      '1.1 one',
      '1.2 eins',
      '1.3 und',
      '2.1 two',
      '2.2 zwei',
    ]);
    expect(followed.items[0]).toMatchObject({ role: 'user', seq: 1 });
    followed.stop();
    expect(followed.errors).toEqual([]);
    await second.finish();
  });

  test('continues after a cursor', async () => {
    const session = await makeSession(db.pool);
    const first = await begin(session, 'one');
    await first.sayMany(3);
    await first.finish();
    const second = await begin(session, 'two');
    await second.say('zwei');
    const followed = [followSession(session, '1.3'), followSession(session, '1.4')];
    followed.push(followSession(session, '2.1'), followSession(session, ''));
    await until(() => followed.flatMap(({ items }) => items).length === 3 + 2 + 1 + 6);
    expect(followed.map(({ items }) => contentsOf(items))).toEqual([
      ['1.4 3', '2.1 two', '2.2 zwei'],
      ['2.1 two', '2.2 zwei'],
      ['2.2 zwei'],
      ['1.1 one', '1.2 1', '1.3 2', '1.4 3', '2.1 two', '2.2 zwei'],
    ]);
    await second.finish();
  });

  test('returns messages of an earlier turn that is retried after later ones', async () => {
    const session = await makeSession(db.pool);
    const first = await begin(session, 'one');
    await first.fail();
    const second = await begin(session, 'two');
    await second.say('zwei');
    await second.finish();
    const followed = [followSession(session), followSession(session, '2.2')];
    await until(() => followed[0]?.items.length === 3);
    await db.pool.query('select howdah.retry_execution($1)', [first.id]);
    const again = await finishTurn(first.id);
    await again.say('uno');
    await again.say('due');
    await again.finish();
    const third = await begin(session, 'three');
    followed.push(followSession(session, '2.2~1.2'), followSession(session));
    const late = ['2.2~1.2 uno', '2.2~1.3 due', '3.1 three'];
    await until(() => followed.flatMap(({ items }) => items).length === 6 + 3 + 2 + 6);
    expect(followed.map(({ items }) => contentsOf(items))).toEqual([
      ['1.1 one', '2.1 two', '2.2 zwei', ...late],
      late,
      late.slice(1),
      ['1.1 one', '1.2 uno', '1.3 due', '2.1~1.3 two', '2.2~1.3 zwei', '3.1 three'],
    ]);
    await third.finish();
  });

  test('returns messages of a paused turn that resumes after later ones', async () => {
    const session = await makeSession(db.pool);
    const first = await begin(session, 'one');
    const second = await makeRun(db.pool, { agent_id: agent, session_id: session, input: 'two' });
    await db.pool.query('select howdah.pause_execution($1)', [second]);
    await first.finish();
    const third = await begin(session, 'three');
    const followed = followSession(session);
    await until(() => followed.items.length === 2);
    await third.finish();
    await db.pool.query('select howdah.resume_execution($1)', [second]);
    const resumed = await finishTurn(second);
    await resumed.say('zwei');
    await until(() => followed.items.length === 4);
    expect(contentsOf(followed.items)).toEqual([
      '1.1 one',
      '3.1 three',
      '3.1~2.1 two',
      '3.1~2.2 zwei',
    ]);
    await resumed.finish();
  });

  test('a message has the same fields in the feed and in a query', async () => {
    const session = await makeSession(db.pool);
    const run = await begin(session, 'one');
    await run.say('eins');
    const fields =
      'id nodeId cursor seq stepSeq role content parts toolCalls trust tokensIn createdAt agentId execution { turn agent { id name } }';
    const followed = follow(
      socket,
      `subscription ($id: UUID!) { sessionMessages(sessionId: $id) { ${fields} } }`,
      { id: session },
    );
    await until(() => followed.items.length === 2);
    const { data, errors } = await ask(
      api,
      `query ($id: UUID!) { execution(id: $id) { messages { nodes { ${fields} } } } }`,
      { id: run.id },
    );
    expect(errors).toEqual([]);
    expect(followed.items).toEqual(data.execution.messages.nodes);
    expect(followed.items[1]).toMatchObject({
      cursor: '1.2',
      execution: { turn: 1, agent: { id: agent } },
    });
    await run.finish();
  });

  test('a lost notification only adds latency', async () => {
    const session = await makeSession(db.pool);
    const followed = followSession(session);
    await isWatched(session);
    const first = await begin(session, 'one');
    await first.say('eins', { silently: true });
    await first.finish({ silently: true });
    const second = await begin(session, 'two');
    await second.say('zwei', { silently: true });
    await until(() => followed.items.length === 4);
    expect(contentsOf(followed.items)).toEqual(['1.1 one', '1.2 eins', '2.1 two', '2.2 zwei']);
    await second.finish();
  });

  test('a new run of a followed session is announced, and then its steps', async () => {
    const session = await makeSession(db.pool);
    const followed = followSession(session);
    await isWatched(session);
    const first = await begin(session, 'one');
    await isWatched(first.id);
    await first.say('eins');
    await until(() => followed.items.length === 2);
    await first.finish();
  });

  test('nothing is lost when the listening connection dies during a turn', async () => {
    const session = await makeSession(db.pool);
    const followed = followSession(session);
    await isWatched(session);
    const first = await begin(session, 'one');
    await first.say('eins');
    await db.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'howdah-listen' and datname = current_database()`,
    );
    await first.say('zwei');
    await first.finish();
    const second = await begin(session, 'two');
    await until(() => followed.items.length === 4);
    expect(contentsOf(followed.items)).toEqual(['1.1 one', '1.2 eins', '1.3 zwei', '2.1 two']);
    await second.finish();
  });

  test('thousands of messages arrive in order, even for a slow reader', async () => {
    const session = await makeSession(db.pool);
    for (const turn of count(1, 3)) {
      const run = await begin(session, `turn ${turn}`);
      await run.sayMany(700);
      await run.finish();
    }
    const hub = await createFeedHub({ url: db.url, onError: () => {} });
    const [slow, quick] = [0, 0].map(() => hub.messages(session, { turn: 0, seq: 0 }));
    const expected = count(1, 3).flatMap((turn) => count(1, 701).map((seq) => `${turn}.${seq}`));
    for (const rows of [quick, slow]) {
      const cursors: string[] = [];
      while (cursors.length < expected.length) {
        const { value } = (await rows?.next()) ?? {};
        cursors.push(`${value?.turn}.${value?.seq}`);
      }
      expect(cursors).toEqual(expected);
    }
    expect(hub.subscriptions).toBe(2);
    const last = slow?.next();
    await hub.close();
    expect(await last).toMatchObject({ done: true });
    expect(hub.subscriptions).toBe(0);
  });

  test('ends when the session is deleted', async () => {
    const session = await makeSession(db.pool);
    const followed = followSession(session);
    await isWatched(session);
    await db.pool.query('delete from howdah.sessions where id = $1', [session]);
    expect(await followed.end).toBe('completed');
  });

  test('leaving removes the watcher of the session', async () => {
    const session = await makeSession(db.pool);
    const followed = followSession(session);
    await isWatched(session);
    followed.stop();
    const watchers = 'select from howdah_private.watchers where execution_id = $1';
    await expect.poll(() => all(db.pool, watchers, [session])).toEqual([]);
  });
});

describe('subscriptions that are rejected', () => {
  test.each([
    [
      'a session of another tenant',
      async () => makeSession(db.pool, { tenant_id: await makeTenant(db.pool) }),
    ],
    ['a session that does not exist', async () => '01980000-0000-7000-8000-000000000000'],
  ])('%s is not found', async (_what, makeId) => {
    const id = await makeId();
    const followed = followSession(id);
    await followed.end;
    expect(followed.items).toEqual([]);
    expect(followed.errors).toMatchObject([
      { message: `there is no session ${id}`, extensions: { code: 'HWNTF' } },
    ]);
  });

  test.each(['3', 'x', '1.2.3', '-1.2'])('%j is not a valid cursor', async (after) => {
    const followed = followSession(await makeSession(db.pool), after);
    await followed.end;
    expect(followed.errors).toMatchObject([
      { extensions: { code: 'HWINV', detail: { field: 'after' } } },
    ]);
  });
});

test('a conversation over HTTP: start, send, steer, switch and read', async () => {
  const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
  const started = await ask(
    api,
    `mutation ($agent: String!) { startSession(input: { agent: $agent, policy: steer }) { result { id policy } } }`,
    { agent: name },
  );
  expect(started.errors).toEqual([]);
  const { id } = started.data.startSession.result;
  const sent = await ask(
    api,
    `mutation ($id: UUID!) { sendMessage(input: { sessionId: $id, content: "Hello" }) { result { turns liveExecutionId } } }`,
    { id },
  );
  const { turns, liveExecutionId } = sent.data.sendMessage.result;
  expect(turns).toBe(1);
  const steered = await ask(
    api,
    `mutation ($id: UUID!) { addInput(input: { executionId: $id, content: "more" }) { result { id status } } }`,
    { id: liveExecutionId },
  );
  expect(steered.data.addInput.result).toEqual({ id: liveExecutionId, status: 'queued' });
  const switched = await ask(
    api,
    `mutation ($id: UUID!) { switchAgent(input: { sessionId: $id, agent: "development" }) { result { agent { name } } } }`,
    { id },
  );
  expect(switched.data.switchAgent.result.agent.name).toBe('development');
  await claim(db.pool, worker, [liveExecutionId]);
  const state = await ask(
    api,
    `query ($id: UUID!) { sessionState(sessionId: $id) session(id: $id) { executions { nodes { messages { nodes { cursor content } } } } } }`,
    { id },
  );
  expect(state.data.sessionState).toMatchObject({ tasks: [], blocker: null });
  expect(state.data.session.executions.nodes).toEqual([
    {
      messages: {
        nodes: [
          { cursor: '1.1', content: 'Hello' },
          { cursor: '1.2', content: 'more' },
        ],
      },
    },
  ]);
});
