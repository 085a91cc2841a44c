import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { runCli } from '../../cli/run-cli.ts';
import { makeAgent, resultsOf, waitForEnd } from '../../runtime/arrange.ts';
import { one, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi } from '../harness.ts';
import { makeHook, masterKeys, send as sendSigned, storeSecrets } from '../inbound/support.ts';

// A JSON object that somebody sends is stored with all its names, also those that JavaScript gives
// a meaning. Each door is asked; Postgres compares.

const DOCUMENT =
  '{"__proto__": {"a": 1}, "constructor": {"prototype": 2}, "prototype": 3, "hasOwnProperty": 4, ' +
  '"deep": [{"__proto__": {"c": 5}}]}';

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let agent: string;
let name: string;

beforeAll(async () => {
  api = await startTestApi(db.url, { masterKeys });
  worker = await startTestWorker(db.url, {
    tools: [
      {
        name: 'echo',
        description: '',
        parameters: { type: 'object', properties: {} },
        run: (args) => args,
      },
    ],
  });
  agent = await makeAgent(db.pool, { script: [{ content: 'ok' }] });
  name = (await one(db.pool, 'select name from howdah.agents where id = $1', [agent])).name;
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${api.url}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
  return response.text();
}

/** Sends one message over /ws, and returns the answer. */
async function sendOverSocket(message: string): Promise<string> {
  const socket = new WebSocket(`${api.url.replace('http', 'ws')}/ws`);
  const answer = await new Promise<string>((resolve, reject) => {
    socket.on('error', reject).on('open', () => socket.send(message));
    socket.on('message', (data) => resolve(String(data)));
  });
  socket.terminate();
  return answer;
}

/** Returns whether a column of the newest row of a table contains the document. */
async function isStored(column: string, table = 'executions'): Promise<boolean> {
  const text = `select t.${column} @> $1::jsonb as has from howdah.${table} as t order by t.id desc limit 1`;
  return (await one(db.pool, text, [DOCUMENT])).has;
}

type Door = [what: string, send: () => Promise<unknown>, column: string, table?: string];
const execute = (fields: string) => () =>
  post('/api/execute', `{"agent": "${name}", "message": "x", ${fields}}`);
const create = (fields: string, type: string, value: string) => {
  const query = `mutation ${type} { createExecution(input: {execution: {agentId: "${agent}", input: "x", ${fields}}}) { execution { id } } }`;
  return post('/graphql', `{"query": ${JSON.stringify(query)}, "variables": ${value}}`);
};
const mcpHeaders = {
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
};
const DOORS: Door[] = [
  ['REST: metadata', execute(`"metadata": ${DOCUMENT}`), 'metadata'],
  ['REST: input_data', execute(`"input_data": ${DOCUMENT}`), 'input_data'],
  [
    'REST: the state of a session',
    () => post('/sessions', `{"agent": "${name}", "state": ${DOCUMENT}}`),
    'state',
    'sessions',
  ],
  [
    'REST: the input of a schedule',
    () =>
      post(
        '/api/schedules',
        `{"agent_id": "${agent}", "name": "${unique('s')}", "cron": "0 3 * * *", "input": "x", "input_data": ${DOCUMENT}}`,
      ),
    'input_data',
    'schedules',
  ],
  [
    '/ws: metadata',
    () =>
      sendOverSocket(
        `{"type": "execute", "id": "a", "agent": "${name}", "message": "x", "metadata": ${DOCUMENT}}`,
      ),
    'metadata',
  ],
  [
    'GraphQL: a variable',
    () => create('metadata: $m', '($m: JSON)', `{"m": ${DOCUMENT}}`),
    'metadata',
  ],
  [
    'GraphQL: a literal',
    () => create(`metadata: ${DOCUMENT.replaceAll(/"(\w+)":/g, '$1:')}`, '', '{}'),
    'metadata',
  ],
  [
    'MCP: the arguments of a tool',
    () =>
      post(
        '/mcp',
        `{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "${name}", "arguments": {"message": "x", "input_data": ${DOCUMENT}}}}`,
        mcpHeaders,
      ),
    'input_data',
  ],
  [
    'A2A: the metadata of a message',
    () =>
      post(
        `/a2a/${name}`,
        `{"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": {"messageId": "${unique('m')}",
          "role": "ROLE_USER", "parts": [{"text": "x"}], "metadata": ${DOCUMENT}}}}`,
        { 'a2a-version': '1.0' },
      ),
    'metadata',
  ],
  [
    'A2A: data',
    () =>
      post(
        `/a2a/${name}`,
        `{"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": {"messageId": "${unique('m')}",
          "role": "ROLE_USER", "parts": [{"text": "x"}, {"data": ${DOCUMENT}}]}}}`,
        { 'a2a-version': '1.0' },
      ),
    'input_data',
  ],
  [
    '/v1/chat/completions: metadata',
    () =>
      post(
        '/v1/chat/completions',
        `{"model": "${name}", "messages": [{"role": "user", "content": "x"}], "metadata": ${DOCUMENT}}`,
      ),
    'metadata',
  ],
  [
    '/v1/responses: metadata',
    () => post('/v1/responses', `{"model": "${name}", "input": "x", "metadata": ${DOCUMENT}}`),
    'metadata',
  ],
  [
    'the command line: --metadata',
    () => runCli(db.url, 'run', name, 'x', '--metadata', DOCUMENT),
    'metadata',
  ],
  [
    'the command line: --metadata over REST',
    () => runCli(db.url, 'run', name, 'x', '--metadata', DOCUMENT, '--api', api.url),
    'metadata',
  ],
];

describe('an object is stored with all its names', () => {
  test.each(DOORS)('%s', async (_what, send, column, table) => {
    const answer = await send();
    expect(await isStored(column, table), JSON.stringify(answer)).toBe(true);
  });

  test('inbound hooks: a body', async () => {
    const { id: tenant } = await one(db.pool, 'select howdah.current_tenant() as id');
    await storeSecrets(db.pool, tenant);
    const hook = await makeHook(db.pool, 'github', {
      agent_id: agent,
      mapping: { input: '"x"', input_data: 'body' },
    });
    const { status, body } = await sendSigned(api, hook.path, 'github', DOCUMENT);
    expect({ status, body }).toMatchObject({ status: 202 });
    expect(await isStored('input_data')).toBe(true);
  });

  test('a tool: its arguments and its result', async () => {
    const caller = await makeAgent(db.pool, {
      script: [
        { tool_calls: [{ name: 'echo', arguments: JSON.parse(DOCUMENT) }] },
        { content: 'done' },
      ],
      tools: ['echo'],
    });
    const { id } = await one(
      db.pool,
      `insert into howdah.executions (agent_id, input) values ($1, 'x') returning id`,
      [caller],
    );
    expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'completed' });
    const [result = ''] = await resultsOf(db.pool, id);
    const { same } = await one(db.pool, 'select $1::jsonb = $2::jsonb as same', [result, DOCUMENT]);
    expect(same).toBe(true);
  });
});

test('fields of a request that nobody knows are refused by name', async () => {
  const answer = await execute('"__proto__": {"agent": "other"}')();
  expect(JSON.parse(answer)).toMatchObject({ status: 400, code: 'HWINV' });
  expect(answer).toContain('__proto__');
});
