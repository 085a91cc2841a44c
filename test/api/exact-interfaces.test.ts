import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { ApiServer } from '../../src/api/server.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { parseJson } from '../../src/json/parse-json.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { expectNumbers, NUMBERS } from '../json/exact-numbers.ts';
import { makeAgent, waitForEnd } from '../runtime/arrange.ts';
import { one, unique } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { startTestApi } from './harness.ts';

// One run has long numbers as input, as arguments and result of a tool, and as answer. Each
// interface shows them with all their digits.

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
/** A finished run in a session. */
let run: { id: string; session: string; agent: string };

const DOCUMENT = `{"n": ${NUMBERS}, "deep": [{"n": ${NUMBERS}}]}`;
const parameters = { type: 'object', properties: { n: { type: 'array' } } };

beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url, {
    tools: [{ name: 'echo', description: '', parameters, run: (args) => args }],
  });
  const agent = await makeEchoAgent();
  const { session } = await one(
    db.pool,
    'insert into howdah.sessions (agent_id) values (howdah.agent($1)) returning id as session',
    [agent],
  );
  const { id } = await one(
    db.pool,
    `insert into howdah.executions (agent_id, session_id, input, input_data, metadata)
     values (howdah.agent($1), $2, 'x', $3, $3) returning id`,
    [agent, session, DOCUMENT],
  );
  expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'completed' });
  run = { id, session, agent };
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

/** Makes an agent that calls `echo` with the numbers and answers with them. Returns its name. */
async function makeEchoAgent(more: JsonObject = {}): Promise<string> {
  const id = await makeAgent(db.pool, {
    script: [
      { tool_calls: [{ name: 'echo', arguments: parseJson(DOCUMENT) }] },
      { content: DOCUMENT },
    ],
    tools: ['echo'],
    output_schema: parameters,
    ...more,
  });
  return (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name;
}

const read = async (path: string, accept = 'application/json') =>
  (await fetch(`${api.url}${path}`, { headers: { accept } })).text();

async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${api.url}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
  return response.text();
}

/** Returns the input of the newest run as Postgres writes it. */
const newestRun = async () =>
  (
    await one(
      db.pool,
      `select jsonb_build_array(e.input_data, e.metadata)::text as text
       from howdah.executions as e order by e.id desc limit 1`,
    )
  ).text;

describe('a finished run is shown by', () => {
  test.each<[string, (id: string) => string]>([
    ['REST', (id) => `/api/executions/${id}`],
    ['REST in a list', () => '/api/executions'],
    ['its steps', (id) => `/api/executions/${id}/steps`],
    ['its messages', (id) => `/api/executions/${id}/messages`],
  ])('%s', async (_, path) => {
    await expectNumbers(db.pool, await read(path(run.id)));
  });

  test('the history of its session', async () => {
    await expectNumbers(db.pool, await read(`/sessions/${run.session}/history`));
  });

  test('the stream of its session', async () => {
    const path = `${api.url}/sessions/${run.session}/stream`;
    const { body } = await fetch(path, { headers: { accept: 'text/event-stream' } });
    let sent = '';
    for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      sent += piece;
      if (sent.includes('event: complete')) break;
    }
    await expectNumbers(db.pool, sent, 3);
  });

  test('Server-Sent Events', async () => {
    await expectNumbers(
      db.pool,
      await read(`/api/executions/${run.id}/stream`, 'text/event-stream'),
      3,
    );
  });

  test('/ws', async () => {
    const frames = await framesOf('/ws', undefined, [
      `{"type": "subscribe", "id": "a", "execution_id": "${run.id}"}`,
    ]);
    await expectNumbers(db.pool, frames.join('\n'), 3);
  });

  test('GraphQL subscriptions', async () => {
    const query = `subscription ($id: UUID!) {
      executionSteps(executionId: $id, after: 0) { input output execution { inputData outputData } } }`;
    const frames = await framesOf('/graphql', 'graphql-transport-ws', [
      '{"type": "connection_init"}',
      `{"id": "1", "type": "subscribe", "payload": {"query": ${JSON.stringify(query)}, "variables": {"id": "${run.id}"}}}`,
    ]);
    await expectNumbers(db.pool, frames.join('\n'), 3);
  });

  test('GraphQL', async () => {
    const query = `{ execution(id: "${run.id}") {
      inputData outputData metadata steps { nodes { input output } } messages { nodes { content toolCalls } } } }`;
    await expectNumbers(db.pool, await post('/graphql', JSON.stringify({ query })), 6);
  });

  test('a resource of MCP', async () => {
    const text = await post(
      '/mcp',
      `{"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "howdah://executions/${run.id}"}}`,
      { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' },
    );
    await expectNumbers(db.pool, text, 4);
  });

  test('a task of A2A', async () => {
    const text = await post(
      `/a2a/${run.agent}`,
      `{"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "${run.id}"}}`,
      { 'a2a-version': '1.0' },
    );
    await expectNumbers(db.pool, text, 2);
  });
});

/**
 * Sends texts on a WebSocket, each after an answer to the one before. Returns the frames received
 * until a subscription or a request ends.
 */
async function framesOf(path: string, protocol: string | undefined, texts: string[]) {
  const socket = new WebSocket(`${api.url.replace('http', 'ws')}${path}`, protocol);
  const frames: string[] = [];
  const sendNext = () => {
    const text = texts.shift();
    if (text !== undefined) socket.send(text);
  };
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', sendNext);
    socket.on('message', (data) => {
      frames.push(String(data));
      sendNext();
      if (['end', 'complete', 'error'].includes(JSON.parse(String(data)).type)) resolve();
    });
  });
  socket.terminate();
  return frames;
}

describe('a run is started with numbers, and its answer shown, by', () => {
  test('/ws', async () => {
    await framesOf('/ws', undefined, [
      `{"type": "execute", "id": "a", "agent": "${run.agent}", "message": "x", "input_data": ${DOCUMENT}}`,
      `{"type": "subscribe", "id": "b", "execution_id": "${run.id}"}`,
    ]);
    await expectNumbers(db.pool, await newestRun(), 2);
  });

  test('MCP', async () => {
    const text = await post(
      '/mcp',
      `{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "${run.agent}", "arguments": {"message": "x", "input_data": ${DOCUMENT}}}}`,
      { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' },
    );
    await expectNumbers(db.pool, text, 4);
    await expectNumbers(db.pool, await newestRun(), 2);
  });

  test.each([
    ['1.0', 'SendMessage', '{"data": DOCUMENT}, {"text": "x"}', 'ROLE_USER'],
    [
      '0.3',
      'message/send',
      '{"kind": "data", "data": DOCUMENT}, {"kind": "text", "text": "x"}',
      'user',
    ],
    ['1.0', 'SendStreamingMessage', '{"data": DOCUMENT}, {"text": "x"}', 'ROLE_USER'],
    [
      '0.3',
      'message/stream',
      '{"kind": "data", "data": DOCUMENT}, {"kind": "text", "text": "x"}',
      'user',
    ],
  ])('A2A %s, %s', async (version, method, parts, role) => {
    const message = `{"messageId": "${unique('m')}", "role": "${role}", "kind": "message",
      "parts": [${parts.replace('DOCUMENT', DOCUMENT)}], "metadata": {"n": ${NUMBERS}}}`;
    const text = await post(
      `/a2a/${run.agent}`,
      `{"jsonrpc": "2.0", "id": 1, "method": "${method}", "params": {"message": ${message}, "configuration": {"blocking": true}}}`,
      { 'a2a-version': version, accept: 'application/json, text/event-stream' },
    );
    await expectNumbers(db.pool, text, 2);
    await expectNumbers(db.pool, await newestRun(), 3);
  });

  test('AG-UI', async () => {
    const text = await post(
      `/ag-ui/agents/${run.agent}`,
      `{"threadId": "t", "runId": "r", "state": ${DOCUMENT}, "tools": [], "context": [],
        "messages": [{"id": "1", "role": "user", "content": "x"}], "forwardedProps": ${DOCUMENT}}`,
      { accept: 'text/event-stream' },
    );
    await expectNumbers(db.pool, text, 4);
    await expectNumbers(db.pool, await newestRun(), 2);
  });

  test('/api/chat', async () => {
    const text = await post(
      '/api/chat',
      `{"id": "${unique('chat')}", "agent": "${run.agent}", "messages": [
        {"id": "1", "role": "user", "parts": [{"type": "text", "text": "x"}]}]}`,
    );
    await expectNumbers(db.pool, text, 4);
  });

  test('/v1/chat/completions', async () => {
    const text = await post(
      '/v1/chat/completions',
      `{"model": "${run.agent}", "messages": [{"role": "user", "content": "x"}], "metadata": ${DOCUMENT}}`,
    );
    await expectNumbers(db.pool, text, 2);
    await expectNumbers(db.pool, await newestRun(), 2);
  });

  test('/v1/responses', async () => {
    const text = await post(
      '/v1/responses',
      `{"model": "${run.agent}", "input": "x", "metadata": ${DOCUMENT}}`,
    );
    await expectNumbers(db.pool, text, 4);
    await expectNumbers(db.pool, await newestRun(), 2);
  });
});

test.each([
  [
    '/v1/chat/completions',
    (n: string) =>
      `{"model": "AGENT", "messages": [{"role": "user", "content": "x"}], "metadata": ${n}}`,
  ],
  ['/v1/responses', (n: string) => `{"model": "AGENT", "input": "x", "metadata": ${n}}`],
  ['/api/execute', (n: string) => `{"agent": "AGENT", "message": "x", "metadata": ${n}}`],
  ['/api/execute', (n: string) => `{"agent": "AGENT", "message": "x", "overrides": ${n}}`],
  ['/api/execute', (n: string) => `{"agent": "AGENT", "message": "x", "max_tokens": ${n}}`],
  ['/api/execute', (n: string) => `{"agent": "AGENT", "message": "x", "priority": ${n}}`],
  ['/api/execute', (n: string) => `{"agent": "AGENT", "message": "x", "max_cost": ${n}}`],
])('%s refuses a long number for another kind of value: %s', async (path, body) => {
  const sent = body('12345678901234567890').replace('AGENT', run.agent);
  const answer = await post(path, sent);
  expect(JSON.parse(answer)).toMatchObject(
    path.startsWith('/v1') ? { error: { param: 'metadata' } } : { status: 400, code: 'HWINV' },
  );
});
