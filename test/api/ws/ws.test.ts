import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { defaultServerLimits } from '../../../src/api/http/server-limits.ts';
import { createCallerTurns } from '../../../src/api/limits/caller-turns.ts';
import { createStreamLimits } from '../../../src/api/limits/stream-limits.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { createOutbox } from '../../../src/api/sockets/outbox.ts';
import { messages } from '../../../src/api/ws/socket-messages.ts';
import {
  createWebSocketEndpoint,
  type WebSocketEndpoint,
  type WebSocketEndpointOptions,
} from '../../../src/api/ws/websocket-endpoint.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { makeRun, makeTenant, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi, until } from '../harness.ts';
import { call } from '../rest/call.ts';
import { openStream } from '../rest/events.ts';
import { makePerson, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';
import { openWs, type WsClient } from './ws-client.ts';

const db = testDatabase();
let api: ApiServer;
let guarded: ApiServer;
let worker: Worker;
const clients: WsClient[] = [];

beforeAll(async () => {
  api = await startTestApi(db.url, { bounds: { operations: 3 } });
  guarded = await startTestApi(db.url, tokenOptions);
  worker = await startTestWorker(db.url);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
  await guarded?.close();
});

const open = async (to: Pick<ApiServer, 'url'> = api, headers: Record<string, string> = {}) => {
  const client = await openWs(to, headers);
  clients.push(client);
  return client;
};
const makeNamedAgent = async (script: object[], tools: string[] = []) => {
  const id = await makeAgent(db.pool, { script: script as [], tools });
  return (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name as string;
};
const ASKING = [
  { tool_calls: [{ name: 'ask_user', arguments: { question: 'Which colour?' }, id: 'q1' }] },
  { content: 'Painted.' },
];
const MISSING_ID = '01890000-0000-7000-8000-000000000000';

describe('one connection', () => {
  test('starts a run, follows it and others, and receives the same events as SSE', async () => {
    const client = await open();
    const agent = await makeNamedAgent([{ content: 'Hello.' }]);
    const started = await client.ask({ type: 'execute', agent, message: 'Hi.' });
    const { execution_id } = started.data;
    expect(started).toMatchObject({ type: 'result', data: { status: expect.any(String) } });
    await client.ask({ type: 'subscribe', id: 'a', execution_id });
    await client.ask({ type: 'subscribe', id: 'b', execution_id, after: '1.1' });
    for (const subscription of ['a', 'b']) {
      await client.when((one) => one.type === 'end' && one.subscription === subscription);
    }
    const stream = await openStream(api, `/api/executions/${execution_id}/stream`);
    await stream.end;
    expect(client.eventLines('a')).toEqual(stream.eventLines());
    expect(client.eventLines('b')).toEqual(stream.eventLines().slice(1));
    const complete = client.received.find(({ event }) => event === 'complete');
    expect(complete.data).toEqual(stream.events.at(-1)?.data);
  });

  test('holds a session over several turns, answers questions, and resumes from a cursor', async () => {
    const client = await open();
    const agent = await makeNamedAgent([...ASKING, { content: 'You are welcome.' }], ['ask_user']);
    const { body: session } = await call(api, 'POST', '/sessions', { agent });
    const session_id = session.id;
    await client.ask({ type: 'subscribe', id: 's', session_id });
    const said = await client.ask({ type: 'send_message', session_id, content: 'Paint it.' });
    expect(said.data).toMatchObject({ session_id, turn: 1 });
    const question = await client.when(({ event }) => event === 'ask_user');
    expect(question.data).toMatchObject({ prompt: 'Which colour?' });
    const answered = await client.ask({ type: 'answer', session_id, answer: 'blue' });
    expect(answered.data).toMatchObject({ status: 'answered', answer: 'blue' });
    await client.when(({ event, data }) => event === 'complete' && data.output === 'Painted.');
    await client.ask({ type: 'send_message', session_id, content: 'Thanks.' });
    await client.when(({ event, id }) => event === 'complete' && id?.startsWith('2.'));
    const before = client.eventLines('s');
    const after = before[1]?.split(' ')[1];
    await client.ask({ type: 'unsubscribe', subscription: 's' });
    await client.when((one) => one.type === 'end' && one.subscription === 's');

    const other = await open();
    await other.ask({ type: 'subscribe', id: 's', session_id, after });
    await until(() => other.eventLines('s').length === before.length - 2);
    expect(other.eventLines('s')).toEqual(before.slice(2));
  });

  test('answers a question by its id, and cancels a run', async () => {
    const client = await open();
    const agent = await makeNamedAgent(ASKING, ['ask_user']);
    const { data } = await client.ask({ type: 'execute', agent, message: 'Paint.' });
    const { execution_id } = data;
    await client.ask({ type: 'subscribe', id: 'a', execution_id });
    const { data: question } = await client.when(({ event }) => event === 'ask_user');
    const { question_id } = question;
    await client.ask({ type: 'answer', question_id, answer: 'red' });
    await client.when(({ event, data }) => event === 'complete' && data.output === 'Painted.');

    const waiting = await makeRun(db.pool, { run_at: '2100-01-01' });
    const paused = await client.ask({ type: 'pause', execution_id: waiting });
    expect(paused.data).toMatchObject({ id: waiting, status: 'paused' });
    const cancelled = await client.ask({ type: 'cancel', execution_id: waiting });
    expect(cancelled.data).toMatchObject({ id: waiting, status: 'cancelled' });
    const again = await client.ask({ type: 'cancel', execution_id: waiting });
    expect(again).toMatchObject({ type: 'error', error: { status: 409, code: 'HWTRM' } });
  });

  test('a known idempotency key returns the first answer, and fails with a different message', async () => {
    const client = await open();
    const agent = await makeNamedAgent([{ content: 'Once.' }]);
    const execute = { type: 'execute', agent, message: 'x', idempotency_key: 'ws-1' };
    const first = await client.ask(execute);
    expect((await client.ask(execute)).data.execution_id).toBe(first.data.execution_id);
    expect(await client.ask({ ...execute, message: 'y' })).toMatchObject({
      type: 'error',
      error: { status: 409, code: 'HWCNF' },
    });
    const { body } = await call(api, 'POST', '/sessions', { agent });
    const say = { type: 'send_message', session_id: body.id, content: 'x', idempotency_key: 'k' };
    const said = await client.ask(say);
    expect((await client.ask(say)).data).toEqual(said.data);
    expect((await call(api, 'GET', `/sessions/${body.id}`)).body.turns).toBe(1);
  });
});

describe('an error is reported as a problem, and the connection stays open', () => {
  test.each<[string, object, object]>([
    ['a message without a type', {}, { status: 400, code: 'HWINV', field: 'type' }],
    ['an unknown type', { type: 'subscrbe' }, { hint: 'Did you mean subscribe?' }],
    ['an unknown field', { type: 'cancel', execution: MISSING_ID }, { status: 400, code: 'HWINV' }],
    [
      'an invalid id',
      { type: 'cancel', execution_id: 'x' },
      { status: 400, field: 'execution_id' },
    ],
    [
      'a subscription without a run or session',
      { type: 'subscribe' },
      { status: 400, field: 'execution_id' },
    ],
    [
      'a subscription to both a run and a session',
      { type: 'subscribe', execution_id: MISSING_ID, session_id: MISSING_ID },
      { status: 400, field: 'session_id' },
    ],
    [
      'a cursor that does not belong to a run',
      { type: 'subscribe', execution_id: MISSING_ID, after: '1.1.1' },
      { status: 400, field: 'after' },
    ],
    [
      'a subscription to an unknown run',
      { type: 'subscribe', execution_id: MISSING_ID },
      { status: 404 },
    ],
    ['an unknown subscription', { type: 'unsubscribe', subscription: 'x' }, { status: 404 }],
    [
      'text that Postgres cannot store',
      { type: 'send_message', session_id: MISSING_ID, content: 'a\0' },
      { status: 400, field: 'content' },
    ],
    [
      'an execute message with wait',
      { type: 'execute', agent: 'development', message: 'x', wait: 1 },
      { status: 400 },
    ],
    [
      'an answer without a question',
      { type: 'answer', answer: 'x' },
      { status: 400, field: 'question_id' },
    ],
  ])('%s', async (_what, message, problem) => {
    const client = await open();
    const answer = await client.ask(message);
    expect(answer).toMatchObject({ type: 'error', error: problem });
    expect(answer.error).toMatchObject({ detail: expect.any(String), code: expect.any(String) });
    expect(await client.ask({ type: 'cancel', execution_id: MISSING_ID })).toMatchObject({
      error: { status: 404, code: 'HWNTF' },
    });
  });

  test.each<[string, string | Buffer]>([
    ['invalid JSON', '{'],
    ['a duplicate name', '{"type":"cancel","type":"pause"}'],
    ['a message that is not an object', '[1]'],
    ['a binary frame', Buffer.from('{}')],
    ['a type that is not a string', '{"type":{"toString":1}}'],
  ])('%s', async (_what, frame) => {
    const client = await open();
    client.socket.send(frame);
    const answer = await client.when(({ type }) => type === 'error');
    expect(answer).toMatchObject({ id: null, error: { status: 400, code: 'HWINV' } });
  });

  test('an id in use, and a subscription beyond the limit', async () => {
    const client = await open();
    const execution_id = await makeRun(db.pool, { run_at: '2100-01-01' });
    for (const id of ['a', 'b', 'c']) await client.ask({ type: 'subscribe', id, execution_id });
    client.socket.send(JSON.stringify({ type: 'subscribe', id: 'a', execution_id }));
    const twice = await client.when(({ type, id }) => type === 'error' && id === 'a');
    expect(twice).toMatchObject({ error: { code: 'HWCNF', status: 409 } });
    expect(await client.ask({ type: 'subscribe', execution_id })).toMatchObject({
      error: { code: 'HWQTA', status: 429 },
    });
  });

  test('a message beyond the request quota', async () => {
    const tenant_id = await makeTenant(db.pool);
    const person = await makePerson(db.pool, 'quota', tenant_id);
    await db.pool.query(
      `insert into howdah.limits (tenant_id, metric, period, max_value) values ($1, 'requests', 'month', 2)`,
      [tenant_id],
    );
    const client = await open(guarded, { authorization: `Bearer ${await tokenFor(person)}` });
    const answers = [];
    for (let n = 0; n < 3; n += 1) {
      answers.push((await client.ask({ type: 'cancel', execution_id: MISSING_ID })).error);
    }
    expect(answers.map(({ code }) => code)).toEqual(['HWNTF', 'HWNTF', 'HWQTA']);
    expect(answers[2]).toMatchObject({ status: 429, retry_after_seconds: expect.any(Number) });
  });

  test('unreadable messages count against the request quota, too', async () => {
    const tenant_id = await makeTenant(db.pool);
    const person = await makePerson(db.pool, 'noise', tenant_id);
    await db.pool.query(
      `insert into howdah.limits (tenant_id, metric, period, max_value) values ($1, 'requests', 'month', 3)`,
      [tenant_id],
    );
    const client = await open(guarded);
    const authorization = `Bearer ${await tokenFor(person)}`;
    client.socket.send(JSON.stringify({ type: 'connection_init', authorization }));
    client.socket.send(JSON.stringify({ type: 'connection_init', authorization }));
    for (const frame of ['{', '{"type":"no such"}', '{"type":"cancel"}']) client.socket.send(frame);
    await until(() => client.received.length === 5);
    expect(client.received.map(({ type, error }) => error?.status ?? type)).toEqual([
      ...['connection_ack', 409, 400, 400, 429],
    ]);
  });

  test('a hundred in a row close the socket; a valid message resets the count', async () => {
    const client = await open();
    const noise = (count: number) => {
      for (let n = 0; n < count; n += 1) client.socket.send('{"type":"noise"}');
    };
    noise(99);
    const heard = await client.ask({ type: 'cancel', execution_id: MISSING_ID });
    expect(heard.error).toMatchObject({ status: 404 });
    noise(99);
    await client.ask({ type: 'cancel', execution_id: MISSING_ID });
    noise(500);
    expect(await client.closed).toBe(1008);
    expect(client.received).toHaveLength(99 + 1 + 99 + 1 + 100);
  });
});

describe('authentication', () => {
  test('accepts a token in the header or in the first message', async () => {
    const token = await tokenFor(await makePerson(db.pool, 'ada'));
    const execution_id = MISSING_ID;
    const first = await open(guarded, { authorization: `Bearer ${token}` });
    expect(await first.ask({ type: 'cancel', execution_id })).toMatchObject({
      error: { status: 404 },
    });
    const second = await open(guarded);
    second.socket.send(
      JSON.stringify({ type: 'connection_init', authorization: `Bearer ${token}` }),
    );
    await second.when(({ type }) => type === 'connection_ack');
    expect(await second.ask({ type: 'cancel', execution_id })).toMatchObject({
      error: { status: 404 },
    });
    second.socket.send(JSON.stringify({ type: 'connection_init' }));
    expect(await second.when(({ id, type }) => type === 'error' && id === null)).toMatchObject({
      error: { code: 'HWCNF' },
    });
  });

  test.each([
    ['missing', {}],
    ['malformed', { type: 'connection_init', authorization: 'Bearer a.b.c' }],
    ['not a string', { type: 'connection_init', authorization: 1 }],
    ['missing, in a message of an unknown type', { type: 'x' }],
  ])('a missing or invalid token closes the connection with 4401: %s', async (_what, message) => {
    const client = await open(guarded);
    client.socket.send(
      JSON.stringify({ type: 'subscribe', id: 'a', execution_id: MISSING_ID, ...message }),
    );
    expect(await client.closed).toBe(4401);
    expect(client.received).toEqual([]);
  });

  test('a revoked key closes the connection at once', async () => {
    const { key, id } = await one(
      db.pool,
      `select (k).key, (k).id from howdah.create_api_key('ws', 'member') as k`,
    );
    const client = await open(guarded, { authorization: `Bearer ${key}` });
    const execution_id = await makeRun(db.pool, { run_at: '2100-01-01' });
    await client.ask({ type: 'subscribe', id: 'a', execution_id });
    await db.pool.query('select howdah.revoke_api_key($1)', [id]);
    expect(await client.closed).toBe(4401);
  });

  test('hiding an agent ends its subscriptions and no others', async () => {
    const person = await makePerson(db.pool, 'eve');
    const agent_id = await makeAgent(db.pool, { script: [] });
    const hidden = await makeRun(db.pool, { agent_id, run_at: '2100-01-01' });
    const seen = await makeRun(db.pool, { run_at: '2100-01-01' });
    const client = await open(guarded, { authorization: `Bearer ${await tokenFor(person)}` });
    await client.ask({ type: 'subscribe', id: 'a', execution_id: hidden });
    await client.ask({ type: 'subscribe', id: 'b', execution_id: seen });
    await db.pool.query(
      `insert into howdah.grants (agent_id, role, permission) values ($1, 'admin', 'edit')`,
      [agent_id],
    );
    const gone = await client.when(({ type, id }) => type === 'error' && id === 'a');
    expect(gone.error).toMatchObject({ status: 404, code: 'HWNTF' });
    await client.when(({ type, subscription }) => type === 'end' && subscription === 'a');
    await db.pool.query('update howdah.executions set run_at = now() where id = $1', [seen]);
    await client.when(({ type, subscription }) => type === 'event' && subscription === 'b');
  });

  test('rows of another tenant look like missing rows in every message', async () => {
    const tenant_id = await makeTenant(db.pool);
    const person = await makePerson(db.pool, 'mallory', tenant_id);
    const client = await open(guarded, { authorization: `Bearer ${await tokenFor(person)}` });
    const theirs = await makeRun(db.pool, { run_at: '2100-01-01' });
    const { id: session } = await one(
      db.pool,
      'insert into howdah.sessions (agent_id) values (howdah.agent($1)) returning id',
      ['development'],
    );
    const { id: question } = await one(
      db.pool,
      `insert into howdah.questions (execution_id, root_execution_id, kind, prompt) values ($1, $1, 'question', 'x') returning id`,
      [theirs],
    );
    const { agent_id: agent } = await one(
      db.pool,
      'select agent_id from howdah.executions where id = $1',
      [theirs],
    );
    const { id: workflow } = await one(
      db.pool,
      'insert into howdah.workflows (name, type) values ($1, $2) returning id',
      ['unseen', 'chain'],
    );
    const walk: ((id: string) => object)[] = [
      (id) => ({ type: 'subscribe', execution_id: id }),
      (id) => ({ type: 'subscribe', session_id: id }),
      (id) => ({ type: 'execute', agent_id: id, message: 'x' }),
      (id) => ({ type: 'execute', workflow_id: id, message: 'x' }),
      (id) => ({ type: 'execute', agent: 'development', session_id: id, message: 'x' }),
      (id) => ({ type: 'send_message', session_id: id, content: 'x' }),
      (id) => ({ type: 'answer', question_id: id, answer: 'x' }),
      (id) => ({ type: 'answer', session_id: id, answer: 'x' }),
      ...['cancel', 'pause', 'resume', 'retry'].map((type) => (id: string) => ({
        type,
        execution_id: id,
      })),
    ];
    const walked = new Set(walk.map((message) => (message(MISSING_ID) as { type: string }).type));
    const known = Object.keys(messages).filter(
      (type) => !['connection_init', 'unsubscribe'].includes(type),
    );
    expect([...walked].toSorted()).toEqual(known.toSorted());
    for (const message of walk) {
      for (const id of [theirs, session, question, agent, workflow]) {
        const [there, not] = [await client.ask(message(id)), await client.ask(message(MISSING_ID))];
        const eventsOf = (one: object, of: string) =>
          JSON.stringify({ ...one, id: '' }).replaceAll(of, 'ID');
        expect(eventsOf(there, id)).toBe(eventsOf(not, MISSING_ID));
        expect(there.error).toMatchObject({ status: 404, code: 'HWNTF' });
      }
    }
  });
});

test('a request that is not a WebSocket gets 426', async () => {
  const { status, body, headers } = await call(api, 'GET', '/ws');
  expect({ status, code: body.code, upgrade: headers.get('upgrade') }).toEqual({
    status: 426,
    code: 'HWINV',
    upgrade: 'websocket',
  });
});

test('a closing server sends 1001 without waiting for clients', async () => {
  const short = await startTestApi(db.url);
  const client = await open(short);
  await client.ask({
    type: 'subscribe',
    id: 'a',
    execution_id: await makeRun(db.pool, { run_at: '2100-01-01' }),
  });
  await short.close();
  expect(await client.closed).toBe(1001);
});

test('a client that pauses gets the rest when it reads again', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const connected = once(server, 'connection') as Promise<[WebSocket]>;
  const { port } = server.address() as AddressInfo;
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  await once(client, 'open');
  client.pause();
  const [socket] = await connected;
  const outbox = createOutbox(socket);
  let taken = 0;
  const source = async () => {
    while (socket.readyState === WebSocket.OPEN) {
      taken += 1;
      await outbox.send('x'.repeat(64 * 1024));
    }
  };
  const sources = [source(), source(), source()];
  await until(() => socket.bufferedAmount > 64 * 1024);
  expect(socket.bufferedAmount).toBeLessThan(256 * 1024);
  expect(taken).toBeLessThan(500); // the capacity of both sockets: some megabytes
  const before = taken;
  client.resume();
  await until(() => taken > before + 500);
  client.terminate();
  await Promise.all(sources);
  server.close();
});

describe('the endpoint', () => {
  let server: Server;
  let endpoint: WebSocketEndpoint;
  const start = async (options: Partial<WebSocketEndpointOptions>) => {
    const stub = {
      login: async () => ({ ok: true, value: { tenantId: 't', userId: undefined, role: 'owner' } }),
      exists: async () => 'good',
      identities: new WeakMap(),
      bounds: { ...defaultServerLimits, sockets: 1, operations: 1 },
      limits: createStreamLimits({ ...defaultServerLimits, sockets: 1 }),
      turns: createCallerTurns(defaultServerLimits),
      onError: () => {},
    };
    endpoint = createWebSocketEndpoint({
      ...stub,
      ...options,
    } as unknown as WebSocketEndpointOptions);
    server = createServer().on('upgrade', endpoint.upgrade);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  };
  afterEach(async () => {
    await endpoint.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const initialize = async (client: WsClient) => {
    client.socket.send('{"type":"connection_init"}');
    await client.when(({ type }) => type === 'connection_ack');
  };

  test('disconnects a client that never sends anything', async () => {
    const client = await open(await start({ firstMs: 20 }));
    expect(await client.closed).toBe(4408);
  });

  test('sends pings, and disconnects a client that does not respond', async () => {
    const to = await start({ heartbeatMs: 5, stalledMs: 200 });
    const { port } = new URL(to.url);
    const deaf = connect(Number(port), '127.0.0.1');
    deaf.write(
      'GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    let pings = 0;
    deaf.on('data', (data) => {
      pings += data.includes(0x89) ? 1 : 0;
    });
    await once(deaf, 'close');
    expect(pings).toBeGreaterThan(1);
  });

  test('rejects connections beyond the limit', async () => {
    const to = await start({});
    await initialize(await open(to));
    await expect(open(to)).rejects.toThrow('503');
  });

  test('disconnects the oldest unauthenticated socket beyond the limit, and no authenticated one', async () => {
    const to = await start({
      bounds: { ...defaultServerLimits, unauthenticatedSockets: 2 },
      limits: createStreamLimits(defaultServerLimits),
    });
    const known = await open(to);
    await initialize(known);
    const [first, second] = [await open(to), await open(to)];
    const third = await open(to);
    await first.closed;
    for (const one of [known, second, third]) expect(one.socket.readyState).toBe(WebSocket.OPEN);
    await initialize(third);
  });

  test('closes a socket beyond the limit of its tenant with a reason', async () => {
    const identity = { tenantId: 't', userId: 'u', role: 'owner', expiresAt: 9e15 };
    const to = await start({
      login: (async () => ({
        ok: true,
        value: identity,
      })) as unknown as WebSocketEndpointOptions['login'],
      limits: createStreamLimits({ ...defaultServerLimits, tenantStreams: 1 }),
    });
    await initialize(await open(to));
    const other = await open(to);
    const reason = new Promise((resolve) =>
      other.socket.once('close', (_code, text) => resolve(String(text))),
    );
    other.socket.send('{"type":"connection_init"}');
    expect(await other.closed).toBe(1013);
    expect(await reason).toContain('limit of 1 open streams, sockets');
  });
});
