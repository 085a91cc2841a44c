import { afterAll, beforeAll, expect, test } from 'vitest';
import { restRoutes } from '../../src/api/rest/rest-routes.ts';
import type { ApiServer } from '../../src/api/server.ts';
import { operations } from '../../src/client/operations.generated.ts';
import { connect } from '../../src/index.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { startTestApi } from '../api/harness.ts';
import { makeAgent } from '../runtime/arrange.ts';
import { one } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const makeNamedAgent = async (script: object[], tools: string[] = []) => {
  const id = await makeAgent(db.pool, { script: script as [], tools });
  return (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name as string;
};
const makeAskingAgent = () =>
  makeNamedAgent(
    [
      { tool_calls: [{ name: 'ask_user', arguments: { question: 'Which colour?' }, id: 'q1' }] },
      { content: 'Painted.' },
    ],
    ['ask_user'],
  );

test('sends a message to an agent and returns its answer', async () => {
  const howdah = connect(api.url);
  const agent = howdah.agent(await makeNamedAgent([{ content: 'Hello.' }]));
  expect(await agent.send('Hi.', { metadata: { ticket: 17 } })).toMatchObject({
    status: 'completed',
    output: 'Hello.',
    execution_id: expect.any(String),
  });
  const events = [];
  for await (const { event } of agent.stream('Hi.')) if (event !== 'token') events.push(event);
  expect(events).toEqual(['thought', 'complete']);
});

test('answers the question of a run with the callback, or rejects with EWAITING', async () => {
  const howdah = connect(`${api.url}/`);
  const answer = ({ prompt }: { prompt: string }) => (prompt === 'Which colour?' ? 'blue' : 'no');
  const agent = howdah.agent(await makeAskingAgent());
  expect((await agent.send('Paint.', { answer })).output).toBe('Painted.');
  await expect(howdah.agent(await makeAskingAgent()).send('Paint.')).rejects.toMatchObject({
    code: 'EWAITING',
    detail: { prompt: 'Which colour?' },
  });
});

test('resumes an interrupted stream after the last event received', async () => {
  let cuts = 2;
  const howdah = connect(api.url, {
    async fetch(input, init) {
      const response = await fetch(input, init);
      if (!String(input).endsWith('/stream') || cuts-- <= 0) return response;
      const whole = await response.text();
      const half = whole.slice(0, whole.indexOf('\n\n', whole.indexOf('event: ')) + 6);
      return new Response(half, response); // one event and a half
    },
  });
  const agent = howdah.agent(
    await makeNamedAgent(
      [
        {
          content: 'One.',
          tool_calls: [{ name: 'calculator', arguments: { expression: '1' }, id: 'c' }],
        },
        { content: 'Two.' },
      ],
      ['calculator'],
    ),
  );
  const events = [];
  for await (const { event, id } of agent.stream('Go.'))
    if (event !== 'token') events.push(`${event} ${id}`);
  expect(cuts).toBeLessThanOrEqual(0);
  expect(new Set(events).size).toBe(events.length);
  expect(events.map((one) => one.split(' ')[0])).toEqual([
    'thought',
    'action',
    'observation',
    'thought',
    'complete',
  ]);
});

test('throws a rejection with code, hint and field', async () => {
  const howdah = connect(api.url);
  await expect(howdah.agent('nobody').send('x')).rejects.toMatchObject({
    code: 'HWNTF',
    message: "there is no agent named 'nobody'",
    hint: expect.any(String),
  });
  await expect(howdah.request('POST', '/api/agents', {})).rejects.toMatchObject({
    code: 'HWINV',
    detail: { field: 'name' },
  });
  await expect(
    howdah.agent(await makeNamedAgent([{ error: { status: 400 } }])).send('x'),
  ).rejects.toMatchObject({
    code: 'EFAILED',
  });
  await expect(connect('http://127.0.0.1:1').agent('a').send('x')).rejects.toMatchObject({
    code: 'EUNREACHABLE',
  });
  const id = await howdah.agent(await makeAskingAgent()).run('Paint.');
  expect(await howdah.cancel(id)).toMatchObject({ status: 'cancelled' });
});

test('sends to, answers in and follows a conversation', async () => {
  const howdah = connect(api.url);
  const { id } = await howdah.call('startSession', { body: { agent: await makeAskingAgent() } });
  const session = howdah.session(id);
  await session.send('Paint.');
  const eventNames: string[] = [];
  for await (const { event, data } of session.stream()) {
    if (event !== 'token') eventNames.push(event);
    if (event === 'ask_user') await session.answer('blue');
    if (event === 'complete') {
      expect(data.output).toBe('Painted.');
      break;
    }
  }
  expect(eventNames).toContain('ask_user');
  expect(await session.fork('Paint it again.', 1)).toMatchObject({
    ...{ forked_from_session_id: id, forked_from_turn: 1, turns: 1 },
  });
});

test('sends a message once after its response was lost, and streams from the first event', async () => {
  let lost = 0;
  const howdah = connect(api.url, {
    async fetch(input, init) {
      const response = await fetch(input, init);
      if (!String(input).endsWith('/messages') || lost++ > 0) return response;
      await response.body?.cancel();
      throw new TypeError('fetch failed');
    },
  });
  const agent = await makeNamedAgent([{ content: 'Hello.' }]);
  const { id } = await howdah.call('startSession', { body: { agent } });
  const { session_id, execution_id, events } = await howdah.session(id).sendAndStream('Hi.');
  const eventNames = [];
  for await (const { event, data } of events) {
    if (event !== 'token') eventNames.push(event);
    expect(data.execution_id).toBe(execution_id);
  }
  expect(eventNames).toEqual(['thought', 'complete']);
  expect(session_id).toBe(id);
  expect(await howdah.call('getSession', { params: { sid: id } })).toMatchObject({ turns: 1 });
  const branch = await howdah.session(id).sendAndStream('Ho.', { fork: 1 });
  expect(branch.session_id).not.toBe(id);
  await branch.events.return();
});

test('every operation is callable by its name, with its input and output types', async () => {
  const howdah = connect(api.url);
  const made = await howdah.call('createAgent', {
    body: { name: 'typed', instruction: 'Answer.' },
    headers: { 'Idempotency-Key': 'typed-1' },
  });
  const name: string = made.name;
  expect(name).toBe('typed');
  await expect(howdah.call('listAgentz' as 'listAgents')).rejects.toMatchObject({
    code: 'HWNTF',
    hint: 'Did you mean listAgents?',
  });
  const { data } = await howdah.call('listAgents', { query: { name: 'typed' } });
  expect(data).toMatchObject([{ id: made.id }]);
  expect((await howdah.call('listExecutions')).data).toEqual(expect.any(Array));
  const system = await howdah.call('applyAgentSystem', {
    body: 'version: v1\nname: small\nagents: { small: { mission: Answer. } }\n',
  });
  const row = await howdah.open('GET', `/api/agents/${made.id}`);
  expect(row.headers.get('etag')).toMatch(/^"\w+"$/);
  const file = await howdah.call('exportAgentSystem', { params: { id: system.id } });
  expect(file).toContain('mission: Answer.');
  expect(await howdah.call('deleteAgent', { params: { id: made.id } })).toBeNull();
  await expect(howdah.call('getAgent', { params: { id: made.id } })).rejects.toMatchObject({
    code: 'HWNTF',
  });
});

test('every REST route is an operation of the client or a stream', () => {
  const streams = [
    'streamExecution',
    'streamExecutions',
    'streamQuestions',
    'streamSession',
    'streamSteps',
    'streamWatchedRows',
  ];
  const known = Object.keys(operations).concat(streams).toSorted();
  expect(restRoutes.map(({ id }) => id).toSorted()).toEqual(known);
});

test('retries an unavailable server for a run that is already followed', async () => {
  let streamRequests = 0;
  const howdah = connect(api.url, {
    async fetch(input, init) {
      if (!String(input).endsWith('/stream')) return fetch(input, init);
      streamRequests += 1;
      if (streamRequests === 2 || streamRequests === 3) throw new TypeError('fetch failed');
      const response = await fetch(input, init);
      if (streamRequests > 1) return response;
      const whole = await response.text();
      return new Response(whole.slice(0, whole.indexOf('event: complete')), response);
    },
  });
  const events = [];
  for await (const { event } of howdah
    .agent(await makeNamedAgent([{ content: 'Hello.' }]))
    .stream('Hi.'))
    if (event !== 'token') events.push(event);
  expect(events).toEqual(['thought', 'complete']);
  expect(streamRequests).toBe(4);
});
