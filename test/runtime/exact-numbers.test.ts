import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { parseJson } from '../../src/json/parse-json.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { startTestApi } from '../api/harness.ts';
import { makeHook, masterKeys, send, storeSecrets } from '../api/inbound/support.ts';
import { expectNumbers, NUMBERS, SNOWFLAKE } from '../json/exact-numbers.ts';
import { one, unique } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { makeAgent, waitForEnd, waitForStatus } from './arrange.ts';
import { makeTeam } from './teams.ts';

// Long numbers go to tools, servers, people and other runs, and come back. Every other party here
// handles JSON as text, so that it rounds nothing itself.

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let server: Server;
let base: string;
let folder: string;
/** Requests to the server. */
const requests: { url: string; body: string }[] = [];

const DOCUMENT = `{"n": ${NUMBERS}, "deep": [{"n": ${NUMBERS}}]}`;
const parameters = { type: 'object', properties: { n: { type: 'array' } } };
/** Returns a document with the list that a text contains. */
const echo = (sent: string) => `{"n": ${/"n":\s*(\[[^\]]*\])/.exec(sent)?.[1] ?? '"missing"'}}`;

/** Answers a message of MCP. */
function answerMcp(message: string): string | undefined {
  const { id, method, params } = JSON.parse(message);
  if (id === undefined) return undefined;
  const reply = (result: string) =>
    `{"jsonrpc": "2.0", "id": ${JSON.stringify(id)}, "result": ${result}}`;
  if (method === 'initialize') {
    return reply(
      `{"protocolVersion": "${params.protocolVersion}", "capabilities": {"tools": {}}, "serverInfo": {"name": "own", "version": "1"}}`,
    );
  }
  if (method === 'tools/list') {
    return reply(`{"tools": [{"name": "echo", "inputSchema": ${JSON.stringify(parameters)}}]}`);
  }
  return reply(`{"content": [], "structuredContent": ${echo(message)}}`);
}

/** A program that answers MCP on standard input as \`answerMcp\` does. */
const PROGRAM = `
  const parameters = ${JSON.stringify(parameters)};
  const echo = ${echo};
  ${answerMcp.toString()}
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const answer = answerMcp(line);
    if (answer !== undefined) process.stdout.write(answer + '\\n');
  });`;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const body = await text(request);
    requests.push({ url: request.url ?? '', body });
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const answer = request.url === '/mcp' ? answerMcp(body) : echo(body);
    response.writeHead(answer === undefined ? 202 : 200, { 'content-type': 'application/json' });
    response.end(answer);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  base = `http://${host}`;
  folder = await mkdtemp(join(tmpdir(), 'howdah-exact-'));
  await writeFile(join(folder, 'server.cjs'), PROGRAM);
  api = await startTestApi(db.url, { masterKeys });
  worker = await startTestWorker(db.url, {
    masterKeys,
    egressAllow: [host],
    mcpCommands: [process.execPath],
    tools: [{ name: 'echo', description: '', parameters, run: (args) => args }],
  });
  await db.pool.query(
    `insert into howdah.mcp_servers (name, type, configuration)
     values ('remote', 'http', $1), ('local', 'stdio', $2)`,
    [{ url: `${base}/mcp` }, { command: process.execPath, args: [join(folder, 'server.cjs')] }],
  );
  await db.pool.query(
    `insert into howdah.tools (name, kind, effect, parameters, configuration) values
       ('order', 'http', 'pure', $1, $2), ('find', 'http', 'pure', $3, $4)`,
    [
      parameters,
      { url: `${base}/orders`, method: 'POST' },
      {
        type: 'object',
        properties: { id: { type: 'integer' }, max: { type: 'number' } },
        required: ['id'],
      },
      { url: `${base}/orders/{id}` },
    ],
  );
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
  server?.closeAllConnections();
  server?.close();
  await rm(folder, { recursive: true, force: true });
});

const call = (name: string, args: string = DOCUMENT): JsonObject => ({
  tool_calls: [{ name, arguments: parseJson(args) }],
});

/** Runs an agent to its end. Returns its steps as Postgres writes them. */
async function run(script: JsonObject[], tools: string[] = [], servers: string[] = []) {
  const agent = await makeAgent(db.pool, { script, tools });
  await db.pool.query(
    `insert into howdah.agent_servers (agent_id, server_id)
     select $1, s.id from howdah.mcp_servers as s where s.name = any ($2)`,
    [agent, servers],
  );
  const id = await start(agent);
  expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'completed' });
  return storedSteps(id);
}

const start = async (agent: string): Promise<string> =>
  (
    await one(
      db.pool,
      `insert into howdah.executions (agent_id, input) values ($1, 'x') returning id`,
      [agent],
    )
  ).id;

const storedSteps = async (id: string): Promise<string> =>
  (
    await one(
      db.pool,
      `select jsonb_agg(jsonb_build_array(s.input, s.output, s.error) order by s.seq)::text as text
       from howdah.steps as s where s.execution_id = $1`,
      [id],
    )
  ).text;

describe('a tool', () => {
  test('in TypeScript', async () => {
    await expectNumbers(db.pool, await run([call('echo'), { content: 'ok' }], ['echo']), 4);
  });

  test('over HTTP, in a body', async () => {
    await expectNumbers(db.pool, await run([call('order'), { content: 'ok' }], ['order']), 3);
    const request = requests.findLast(({ url }) => url === '/orders');
    await expectNumbers(db.pool, request?.body ?? '', 2);
  });

  test('over HTTP, in an address', async () => {
    const max = '0.12345678901234567890';
    await run([call('find', `{"id": ${SNOWFLAKE}, "max": ${max}}`), { content: 'ok' }], ['find']);
    const { url = '' } = requests.findLast(({ url }) => url.startsWith('/orders/')) ?? {};
    expect(url).toBe(`/orders/${SNOWFLAKE}?max=${max}`);
  });

  test('http_request', async () => {
    const args = `{"url": "${base}/any", "method": "POST", "body": ${DOCUMENT}}`;
    const steps = await run([call('http_request', args), { content: 'ok' }], ['http_request']);
    await expectNumbers(db.pool, steps, 3);
    const request = requests.findLast(({ url }) => url === '/any');
    await expectNumbers(db.pool, request?.body ?? '', 2);
  });

  test.each(['remote', 'local'])('of MCP: %s', async (name) => {
    await eventually(
      db.pool,
      `${name} is asked`,
      'select from howdah.mcp_servers where name = $1 and discovered_at is not null',
      [name],
    );
    const steps = await run([call(`${name}__echo`), { content: 'ok' }], [], [name]);
    await expectNumbers(db.pool, steps, 3);
  });

  test.each([
    ['javascript', 'data.n', '"1915883588174806058"'],
    ['python', 'data["n"] + 1', '1915883588174806059'],
  ])('run_code in %s gets texts or exact integers', async (language, code, shown) => {
    const args = `{"language": "${language}", "code": ${JSON.stringify(code)}, "data": {"n": ${SNOWFLAKE}}}`;
    const steps = await run([call('run_code', args), { content: 'ok' }], ['run_code']);
    if (steps.includes('no bubblewrap')) return;
    expect(steps).toContain(shown);
  });
});

test('a webhook sends them', async () => {
  const agent = await makeAgent(db.pool, {
    script: [{ content: DOCUMENT }],
    output_schema: parameters,
  });
  const url = `${base}/hook`;
  await db.pool.query('insert into howdah.webhooks (url, agent_id) values ($1, $2)', [url, agent]);
  await db.pool.query(
    `insert into howdah.executions (agent_id, input, metadata) values ($1, 'x', $2)`,
    [agent, DOCUMENT],
  );
  await eventually(
    db.pool,
    'the webhook is delivered',
    `select from howdah.webhook_deliveries where url = $1 and status = 'delivered'`,
    [url],
  );
  await expectNumbers(db.pool, requests.findLast((one) => one.url === '/hook')?.body ?? '', 4);
});

test('an inbound hook takes them, in the body and through expressions', async () => {
  const { id: tenant } = await one(db.pool, 'select howdah.current_tenant() as id');
  await storeSecrets(db.pool, tenant);
  const agent = await makeAgent(db.pool, { script: [{ content: 'ok' }] });
  const hook = await makeHook(db.pool, 'shared_secret', {
    agent_id: agent,
    mapping: {
      input: 'string(body.id)',
      input_data: '{"n": body.n, "all": body.deep, "id": body.id + 1}',
      metadata: 'body',
    },
  });
  const sent = `{"id": ${SNOWFLAKE}, ${DOCUMENT.slice(1)}`;
  const { body } = await send(api, hook.path, 'shared_secret', sent);
  const { input, stored } = await one(
    db.pool,
    `select e.input, jsonb_build_array(e.input_data, e.metadata)::text as stored
     from howdah.executions as e where e.id = $1`,
    [body.execution_id],
  );
  expect(input).toBe(SNOWFLAKE);
  expect(stored).toContain('1915883588174806059');
  await expectNumbers(db.pool, stored, 4);
});

/** Sends JSON to the API as text. */
async function post(path: string, body: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${api.url}${path}`, { method: 'POST', body, headers });
  expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
}

const ways: [string, (question: string, field: string) => Promise<unknown>][] = [
  [
    'SQL',
    (id, field) =>
      db.pool.query(
        field === 'answer'
          ? 'select howdah.answer_question($1, null, $2)'
          : `select howdah.answer_question($1, 'approve', $2)`,
        [id, DOCUMENT],
      ),
  ],
  [
    'REST',
    (id, field) =>
      post(
        `/api/questions/${id}/answer`,
        field === 'answer'
          ? `{"answer": ${DOCUMENT}}`
          : `{"answer": "approve", "data": ${DOCUMENT}}`,
      ),
  ],
  [
    'GraphQL',
    (id, field) =>
      post(
        '/graphql',
        `{"query": "mutation ($id: UUID!, $answer: String, $data: JSON) { answerQuestion(input: {id: $id, answer: $answer, data: $data}) { result { id } } }",
          "variables": {"id": "${id}", "answer": ${field === 'answer' ? null : '"approve"'}, "data": ${DOCUMENT}}}`,
      ),
  ],
];

describe.each(ways)('by %s', (_, answer) => {
  test('a question is answered', async () => {
    const agent = await makeAgent(db.pool, {
      script: [call('ask_user', '{"question": "Which?"}'), { content: 'ok' }],
      tools: ['ask_user'],
    });
    await db.pool.query('update howdah.agent_tools set configuration = $2 where agent_id = $1', [
      agent,
      { question: { schema: parameters } },
    ]);
    const id = await start(agent);
    await waitForStatus(db.pool, id, 'waiting');
    const question = await one(db.pool, 'select id from howdah.questions where execution_id = $1', [
      id,
    ]);
    await answer(question.id, 'answer');
    expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'completed' });
    await expectNumbers(db.pool, await storedSteps(id), 2);
  });

  test('a call is approved with other arguments', async () => {
    const name = unique('pay');
    await db.pool.query(
      `insert into howdah.tools (name, kind, effect, requires_approval, parameters, configuration)
       values ($1, 'http', 'once', true, $2, $3)`,
      [name, parameters, { url: `${base}/${name}`, method: 'POST' }],
    );
    const agent = await makeAgent(db.pool, {
      script: [call(name, '{"n": [1]}'), { content: 'ok' }],
      tools: [name],
    });
    const id = await start(agent);
    await waitForStatus(db.pool, id, 'waiting');
    const question = await one(db.pool, 'select id from howdah.questions where execution_id = $1', [
      id,
    ]);
    await answer(question.id, 'data');
    expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'completed' });
    await expectNumbers(db.pool, requests.findLast(({ url }) => url === `/${name}`)?.body ?? '', 2);
  });
});

describe('a workflow', () => {
  const member = async (script: JsonObject[], more: object = {}) => ({
    agent: await makeAgent(db.pool, { script, ...more }),
  });
  const runTeam = async (
    type: string,
    members: { agent: string }[],
    input: string,
    configuration = {},
  ) => {
    const workflow = await makeTeam(db.pool, { type, members, configuration });
    const { id } = await one(
      db.pool,
      `insert into howdah.executions (workflow_id, input, input_data) values ($1, 'x', $2) returning id`,
      [workflow, input],
    );
    expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'completed' });
    return (
      await one(
        db.pool,
        `select jsonb_agg(jsonb_build_array(e.input, e.input_data, e.output_data) order by e.id)::text as text
         from howdah.executions as e where e.root_execution_id = $1`,
        [id],
      )
    ).text as string;
  };
  const structured = { output_schema: parameters };

  test('that maps items passes each of them', async () => {
    const stored = await runTeam(
      'map',
      [await member([{ content: DOCUMENT }], structured)],
      `[${DOCUMENT}, {"n": ${NUMBERS}}]`,
    );
    await expectNumbers(db.pool, stored, 6);
  });

  test.each(['chain', 'parallel', 'voting'])('of type %s passes answers', async (type) => {
    const stored = await runTeam(
      type,
      [
        await member([{ content: DOCUMENT }], structured),
        await member([{ content: DOCUMENT }], structured),
      ],
      DOCUMENT,
    );
    await expectNumbers(db.pool, stored, 5);
  });
});
