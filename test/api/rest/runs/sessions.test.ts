import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import type { Worker } from '../../../../workers/start-worker.ts';
import { makeAgent } from '../../../runtime/arrange.ts';
import { makeRun, one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { startTestApi, until } from '../../harness.ts';
import { type CallOptions, call } from '../call.ts';
import { openStream } from '../events.ts';

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
const ask = (method: string, path: string, body?: unknown, options?: CallOptions) =>
  call(api, method, path, body, options);

beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const yaml = { headers: { 'content-type': 'application/yaml' } };
const SYSTEM = `version: v1
name: helpdesk
models: { scripted: { provider: scripted, model: m } }
agents:
  desk:
    mission: Answer the customer.
    tools: { allow: [todo] }
    agents: [painter]
    models:
      - model: scripted
        request_params:
          script:
            - content: Let me plan.
              tool_calls: [{ name: todo, id: t1, arguments: { action: add, title: Ask about the colour } }]
            - tool_calls: [{ name: agent__painter, id: p1, arguments: { message: Paint it. } }]
            - content: It is painted.
            - content: You are welcome.
  painter:
    mission: Paint.
    tools: { allow: [ask_user] }
    models:
      - model: scripted
        request_params:
          script:
            - tool_calls: [{ name: ask_user, id: q1, arguments: { question: Which colour? } }]
            - content: Painted.
orchestrator: desk
`;

test('system, session, message, stream, question of a sub-agent and todo list, from file to answer', async () => {
  const system = await ask('POST', '/agent-systems', SYSTEM, yaml);
  expect(system.body).toMatchObject({ name: 'helpdesk', version: 1 });
  expect(system.status).toBe(201);
  const session = await ask('POST', '/sessions', { agent_system_id: system.body.id });
  expect(session).toMatchObject({ status: 201, body: { agent: 'desk', turns: 0 } });
  const path = session.headers.get('location') ?? '';
  const stream = await openStream(api, `${path}/stream`);
  const sent = await ask('POST', `${path}/messages`, { content: 'Please paint it.' });
  expect(sent).toMatchObject({ status: 202, body: { session_id: session.body.id, turn: 1 } });

  const question = await stream.when(({ event }) => event === 'ask_user');
  expect(question.data).toMatchObject({ prompt: 'Which colour?', agent: 'painter' });
  expect((await ask('GET', `${path}/state`)).body).toMatchObject({
    tasks: [{ position: 1, title: 'Ask about the colour', status: 'open' }],
    awaiting_user_input: { prompt: 'Which colour?', question_id: question.data.question_id },
    blocker: null,
  });
  const answered = await ask('POST', `${path}/answers`, { answer: 'blue' });
  expect(answered).toMatchObject({ status: 200, body: { answer: 'blue', status: 'answered' } });
  const complete = await stream.when(
    ({ event, data }) => event === 'complete' && data.path.length === 1,
  );
  expect(complete.data).toMatchObject({
    status: 'completed',
    output: 'It is painted.',
    agent: 'desk',
  });

  await ask('POST', `${path}/messages`, { content: 'Thank you.' });
  await stream.when(
    ({ event, data }) => event === 'complete' && data.output === 'You are welcome.',
  );
  const ids = stream.events.flatMap(({ id }) => id ?? []);
  expect(ids).toContain('1.1.1');
  expect(ids.at(-1)).toMatch(/^2\.\d+\.\d+$/);
  stream.close();

  for (const [place, lastEventId] of ids.entries()) {
    const rest = await openStream(api, `${path}/stream`, { lastEventId });
    await until(() => rest.events.length >= ids.length - place - 1);
    expect(rest.events.map(({ id }) => id)).toEqual(ids.slice(place + 1));
    rest.close();
  }
  const todos = await ask('GET', `${path}/artifacts/todolist.md`);
  expect(todos.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
  expect(todos.body).toContain('Ask about the colour');
});

test('a session is forked after a turn, over REST and GraphQL', async () => {
  const { id, agent_id } = (await ask('POST', '/sessions', {})).body;
  const later = { run_at: '2099-01-01' }; // does not end during the test
  const run = await makeRun(db.pool, { agent_id, session_id: id, input: 'One.', ...later });
  const busy = await ask('POST', `/sessions/${id}/fork`, { content: 'Two.' });
  expect(busy).toMatchObject({ status: 409, body: { code: 'HWCNF' } });
  await db.pool.query('select howdah.cancel_execution($1)', [run]);
  const forked = await ask('POST', `/sessions/${id}/fork`, { message: 'Two.', turn: 1 });
  expect(forked).toMatchObject({
    status: 201,
    body: { forked_from_session_id: id, forked_from_turn: 1, turns: 1 },
  });
  expect(forked.headers.get('location')).toBe(`/sessions/${forked.body.id}`);
  const refused = await ask('POST', `/sessions/${id}/fork`, { content: 'Two.', turn: 2 });
  expect(refused).toMatchObject({ status: 400, body: { code: 'HWINV' } });
  const query = `mutation ($id: UUID!) {
    forkSession(input: { sessionId: $id, content: "Two." }) { result { forkedFromSession { id } forkedFromTurn } }
  }`;
  const { body } = await ask('POST', '/graphql', { query, variables: { id } });
  expect(body.data.forkSession.result).toEqual({ forkedFromSession: { id }, forkedFromTurn: 1 });
});

describe('agent systems', () => {
  test('faults are reported with file, line and column, and nothing is written', async () => {
    const faulty = 'version: v1\nname: faulty\nagents:\n  lone: { tools: { allow: [tood] } }\n';
    const refused = await ask('POST', '/agent-systems?file=lone.yaml', faulty, yaml);
    expect(refused).toMatchObject({ status: 400, body: { code: 'HWINV' } });
    expect(refused.body.detail).toContain(
      'lone.yaml:4:28: unknown tool "tood", did you mean "todo"?',
    );
    expect(refused.body.faults).toMatchObject([{ file: 'lone.yaml', line: 4, column: 28 }]);
    expect((await ask('GET', '/agent-systems?name=faulty')).body.data).toEqual([]);
  });

  test('are read resolved and exported, and applying the export changes nothing', async () => {
    const document = { version: 'v1', name: 'small', agents: { small: { mission: 'Answer.' } } };
    const tried = await ask('POST', '/agent-systems?dry_run=true', document);
    expect(tried).toMatchObject({ status: 200, body: { dry_run: true } });
    const { body } = await ask('POST', '/agent-systems', document);
    const read = await ask('GET', `/agent-systems/${body.id}`);
    expect(read.body.resolved.agents.small.final_system_prompt).toBe('Answer.');
    const file = await ask('GET', `/agent-systems/${body.id}/export`);
    expect(file.headers.get('content-type')).toBe('application/yaml; charset=utf-8');
    const again = await ask('POST', '/agent-systems', file.body, yaml);
    expect(again.body).toMatchObject({ id: body.id, digest: body.digest, version: 1 });
    const json = await ask('GET', `/agent-systems/${body.id}/export?format=json`);
    expect(json.body).toEqual(document);
  });

  test('an invalid system file is rejected', async () => {
    expect((await ask('POST', '/agent-systems', '- a', yaml)).body.code).toBe('HWINV');
    const text = { headers: { 'content-type': 'text/plain' } };
    expect((await ask('POST', '/agent-systems', SYSTEM, text)).status).toBe(415);
    const missingId = '0199aaaa-0000-7000-8000-000000000000';
    expect((await ask('GET', `/agent-systems/${missingId}/export`)).body).toMatchObject({
      status: 404,
      agent_system_id: missingId,
    });
  });
});

describe('sessions', () => {
  const session = async (body: object = {}) => (await ask('POST', '/sessions', body)).body;

  test('use the current agent by default, and can switch to another', async () => {
    const first = await makeAgent(db.pool, { script: [{ content: 'One.' }] });
    const other = await makeAgent(db.pool, { script: [{ content: 'Two.' }, { content: 'Two.' }] });
    expect(await session()).toMatchObject({ agent: 'development', policy: 'queue' });
    const { id } = await session({ agent_id: first, title: 'Talk', state: { theme: 'dark' } });
    for (const nobody of [{}, { agent: 'development', agent_id: other }]) {
      expect(await ask('PUT', `/sessions/${id}/agent`, nobody)).toMatchObject({
        status: 400,
        body: { code: 'HWINV', field: 'agent' },
      });
    }
    const two = { agent: 'development', agent_system_id: randomUUID() };
    expect(await ask('POST', '/sessions', two)).toMatchObject({
      status: 400,
      body: { code: 'HWINV', field: 'agent_system_id' },
    });
    const turned = await ask('PUT', `/sessions/${id}/agent`, { agent_id: other });
    expect(turned.body).toMatchObject({ agent_id: other, title: 'Talk', state: { theme: 'dark' } });
    const { body } = await ask('POST', `/sessions/${id}/messages`, { content: 'Hello.' });
    await until(
      async () =>
        (await ask('GET', `/api/executions/${body.execution_id}`)).body.status === 'completed',
    );
    const run = await ask('GET', `/api/executions/${body.execution_id}`);
    expect(run.body).toMatchObject({ agent_id: other, output: 'Two.' });
    expect((await ask('GET', `/sessions/${id}`)).body).toMatchObject({
      turns: 1,
      live_execution_id: null,
    });
    expect((await ask('GET', `/sessions?agent_id=${other}`)).body.data).toMatchObject([{ id }]);
  });

  test('an answer without an open question, or to a question of another session, is rejected', async () => {
    const { id } = await session();
    expect(await ask('POST', `/sessions/${id}/answers`, { answer: 'x' })).toMatchObject({
      status: 409,
      body: { code: 'HWCNF', session_id: id },
    });
    const { id: question } = await one(db.pool, 'select id from howdah.questions limit 1');
    expect(
      await ask('POST', `/sessions/${id}/answers`, { question_id: question, answer: 'x' }),
    ).toMatchObject({
      status: 404,
      body: { code: 'HWNTF' },
    });
  });

  test('a steering message names the run it reaches, even while other messages wait', async () => {
    const agent_id = await makeAgent(db.pool, {
      tools: ['ask_user'],
      script: [
        { tool_calls: [{ name: 'ask_user', id: 'c1', arguments: { question: 'Which?' } }] },
        { content: 'This one.' },
        { content: 'Next.' },
      ],
    });
    const { id } = await session({ agent_id, policy: 'steer' });
    const first = await ask('POST', `/sessions/${id}/messages`, { content: 'One.' });
    await until(
      async () =>
        (await ask('GET', `/sessions/${id}/state`)).body.awaiting_user_input?.prompt === 'Which?',
    );
    const queued = { agent_id, session_id: id, message: 'Later.' };
    const later = await ask('POST', '/api/execute', queued);
    const steered = await ask('POST', `/sessions/${id}/messages`, { content: 'The blue one.' });
    expect(first.body.execution_id).not.toBe(later.body.execution_id);
    expect(steered).toMatchObject({ status: 202, body: first.body });
  });

  test('a session stream waits for the first message, and ends only with the server', async () => {
    const agent_id = await makeAgent(db.pool, { script: [{ content: 'Hello.' }] });
    const { id } = await session({ agent_id });
    const other = await startTestApi(db.url);
    const stream = await openStream(other, `/sessions/${id}/stream`);
    await ask('POST', `/sessions/${id}/messages`, { content: 'Hi.' });
    await stream.when(({ event }) => event === 'complete');
    await other.close();
    await stream.end;
    expect(stream.events.at(-1)?.event).toBe('complete');
  });

  test('a retried turn continues in the stream', async () => {
    const agent_id = await makeAgent(db.pool, {
      tools: ['ask_user'],
      script: [
        { tool_calls: [{ name: 'ask_user', arguments: { question: 'Which?' }, id: 'q1' }] },
        { content: 'Done.' },
      ],
    });
    const { id } = await session({ agent_id });
    const stream = await openStream(api, `/sessions/${id}/stream`);
    const { body } = await ask('POST', `/sessions/${id}/messages`, { content: 'Go.' });
    await stream.when(({ event }) => event === 'ask_user');
    await ask('POST', `/api/executions/${body.execution_id}/cancel`);
    await stream.when(({ event }) => event === 'complete');
    await ask('POST', `/api/executions/${body.execution_id}/retry`);
    await until(
      async () => (await ask('GET', `/sessions/${id}/state`)).body.awaiting_user_input !== null,
    );
    await ask('POST', `/sessions/${id}/answers`, { answer: 'that' });
    await stream.when(({ event, data }) => event === 'complete' && data.output === 'Done.');
    const ids = stream.events.flatMap(({ id }) => id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    stream.close();
  });

  test('a message returns the events of its run on request, once for each key', async () => {
    const agent_id = await makeAgent(db.pool, { script: [{ content: 'Hello.' }] });
    const { id } = await session({ agent_id });
    const said = await openStream(api, `/sessions/${id}/messages`, {
      method: 'POST',
      body: { content: 'Hi.', stream: true },
    });
    expect(said.status).toBe(200);
    const complete = await said.when(({ event }) => event === 'complete');
    const run = complete.data.execution_id;
    expect(said.headers.get('content-location')).toBe(`/api/executions/${run}/stream`);
    await said.end;
    const { watchers } = await one<{ watchers: string }>(
      db.pool,
      'select count(*) as watchers from howdah_private.watchers where execution_id = $1',
      [run],
    );
    expect(Number(watchers)).toBeGreaterThan(0); // registered before its first step

    const fork = { content: 'Other.', turn: 1, stream: true };
    const key = { 'idempotency-key': `fork-${id}`, 'content-type': 'application/json' };
    const ids = await Promise.all(
      ['first', 'again'].map(async () => {
        const response = await fetch(`${api.url}/sessions/${id}/fork`, {
          method: 'POST',
          headers: key,
          body: JSON.stringify(fork),
        });
        expect(await response.text()).toContain('event: complete');
        return [response.headers.get('location'), response.headers.get('content-location')];
      }),
    );
    expect(ids[1]).toEqual(ids[0]);
    expect(ids[0]?.[0]).toMatch(/^\/sessions\//);
  });

  test('list their messages in pages from the end, at most 1 MB each', async () => {
    const script = Array(5).fill({ content: 'Hello.' });
    const agent_id = await makeAgent(db.pool, { script });
    const { id, agent } = await session({ agent_id });
    const expected: string[] = [];
    for (const length of [20, 400_000, 400_000, 400_000, 30]) {
      const message = `${expected.length} ${'x'.repeat(length)}`;
      await ask('POST', '/api/execute', { agent, session_id: id, message, wait: 60 });
      expected.push(message, 'Hello.');
    }
    const pages: string[][] = [];
    for (let next: string | null = ''; next !== null; ) {
      const cursor: string = next && `&cursor=${next}`;
      const { body } = await ask('GET', `/sessions/${id}/history?limit=20${cursor}`);
      pages.push(body.data.map(({ said }: { said: string }) => said));
      next = body.next;
    }
    const lengths = (page: string[]) => page.map((said) => said.length);
    expect(pages.map(lengths)).toEqual([expected.slice(2), expected.slice(0, 2)].map(lengths));
    const { body } = await ask('GET', `/sessions/${id}/history?limit=1`);
    const before = await ask('GET', `/sessions/${id}/history?limit=1&cursor=${body.next}`);
    expect(before.body.data).toEqual([{ turn: 5, who: 'you', said: expected[8] }]);
    expect(await ask('GET', `/sessions/${id}/history?cursor=x`)).toMatchObject({
      status: 400,
      body: { field: 'cursor' },
    });
  });

  test('report their messages and usage, and their steps from a position on', async () => {
    const agent_id = await makeAgent(db.pool, { script: [{ content: 'Hello.' }] });
    const { id, agent } = await session({ agent_id });
    const none = { runs: 0, tokens_in: 0, tokens_out: 0, cost: 0 };
    expect((await ask('GET', `/sessions/${id}/usage`)).body).toEqual(none);
    const run = (
      await ask('POST', '/api/execute', { agent, session_id: id, message: 'Hi.', wait: 60 })
    ).body;
    expect((await ask('GET', `/sessions/${id}/history`)).body).toEqual({
      data: [
        { turn: 1, who: 'you', said: 'Hi.' },
        { turn: 1, who: agent, said: 'Hello.' },
      ],
      next: null,
    });
    expect((await ask('GET', `/sessions/${id}/history?limit=1`)).body.data).toMatchObject([
      { said: 'Hello.' },
    ]);
    expect((await ask('GET', `/sessions/${id}/usage`)).body).toMatchObject({
      runs: 1,
      tokens_out: run.tokens_out,
    });
    const path = `/api/executions/${run.execution_id}`;
    const seqs = async (query: string) =>
      (await ask('GET', `${path}/${query}`)).body.data.map(({ seq }: { seq: number }) => seq);
    expect(await seqs('steps?after=1')).toEqual((await seqs('steps')).slice(1));
    expect(await seqs('messages?after=1')).toEqual((await seqs('messages')).slice(1));
    expect(await ask('GET', `${path}/steps?after=-1`)).toMatchObject({
      status: 400,
      body: { field: 'after' },
    });
    for (const what of ['history', 'usage'])
      expect((await ask('GET', `/sessions/${agent_id}/${what}`)).status).toBe(404);
  });
});

test('sessions are found by words, in REST and GraphQL', async () => {
  const agent_id = await makeAgent(db.pool, {});
  const { id } = await one(
    db.pool,
    `insert into howdah.sessions (agent_id, title) values ($1, 'An okapi') returning id`,
    [agent_id],
  );
  const listed = await ask('GET', `/sessions?words=OKAPI&agent_id=${agent_id}`);
  expect(listed.body.data.map((one: { id: string }) => one.id)).toEqual([id]);
  expect((await ask('GET', '/sessions?words=okapis')).body.data).toEqual([]);
  expect(await ask('GET', '/sessions?words=%20')).toMatchObject({
    status: 400,
    body: { code: 'HWINV' },
  });
  const query = '{ sessions(filter: {words: "okapi"}) { nodes { id } } }';
  const { body } = await ask('POST', '/graphql', { query });
  expect(body).toEqual({ data: { sessions: { nodes: [{ id }] } } });
});
