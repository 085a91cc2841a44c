import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { makeAgent, makeAgentTool } from '../../runtime/arrange.ts';
import { openCutProxy } from '../../support/cut-proxy.ts';
import { testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startCli } from '../run-cli.ts';

/** Nothing listens here, so a command that connects fails. */
const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const PARTS = ['Grüße: the parcel left on Monday, ', 'came by night ', 'and is here.'];
const POEM = PARTS.join('');

/** Allows a model to send the next part of its answer. */
const gate = createGate();
const poets = createServer(async (request, response) => {
  request.resume();
  const left = once(response, 'close');
  const sendDelta = (delta: object, finish_reason: string | null = null) => {
    const chunk = { choices: [{ index: 0, delta, finish_reason }] };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const [place, content] of PARTS.entries()) {
    if (place > 0) await gate.pass(left);
    sendDelta({ role: 'assistant', content });
  }
  sendDelta({}, 'stop');
  response.end('data: [DONE]\n\n');
});

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let agent: string;

beforeAll(async () => {
  await once(poets.listen(0, '127.0.0.1'), 'listening');
  const { port } = poets.address() as AddressInfo;
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url, { openai: `http://127.0.0.1:${port}/v1` });
  const { rows } = await db.pool.query(
    `insert into howdah.models (name, provider, model) values ('poet', 'openai', 'poet') returning id`,
  );
  await db.pool.query(`insert into howdah.agents (name, instruction) values ('poet', 'Write.')`);
  await db.pool.query(
    `insert into howdah.agent_models (agent_id, model_id) values (howdah.agent('poet'), $1)`,
    [rows[0].id],
  );
  agent = await makeBusyAgent();
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
  poets.close();
});

const CALLS = [
  {
    content: 'I work it out.',
    tool_calls: [
      { name: 'calculator', arguments: { expression: '6 * 7' }, id: 'c1' },
      { name: 'calculator', arguments: { expression: 'no number' }, id: 'c2' },
    ],
  },
  { tool_calls: [{ name: 'ask_user', arguments: { question: 'Add one?' }, id: 'q1' }] },
];
const HELPER = [
  { tool_calls: [{ name: 'ask_user', arguments: { question: 'Are you sure?' }, id: 'q2' }] },
  { content: 'He is.' },
];

/** Makes an agent that calls a tool, asks a person, and has a sub-agent that asks. */
async function makeBusyAgent(): Promise<string> {
  const tool = await makeAgentTool(
    db.pool,
    await makeAgent(db.pool, { script: HELPER as [], tools: ['ask_user'] }),
  );
  const script = [
    ...CALLS,
    { tool_calls: [{ name: tool, arguments: { message: 'Ask for me.' }, id: 'h1' }] },
    { content: 'It is 42,\nor 43.' },
  ];
  const tools = ['calculator', 'ask_user', tool];
  const id = await makeAgent(db.pool, { script: script as [], tools });
  const { rows } = await db.pool.query('select name from howdah.agents where id = $1', [id]);
  return rows[0].name;
}

/** Removes values that differ between any two runs. */
const plain = (text: string) =>
  text
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/ +\d+ ms/g, ' MS')
    .replaceAll(/[\d.]+ s$/gm, 'S');

const LINES = [
  ...['/history', '/cost', '/trace', '/fork', 'What is 6 * 7?', 'yes', 'I am', '/history', '/cost'],
  ...['/trace', '/fork 1', 'Again?', '/agnet', '/agent nobody', '/agent'],
];

async function startChat(url: string, ...more: string[]) {
  const talk = startCli(url, 'chat', agent, ...more);
  for (const line of LINES) talk.type(line);
  const { status, stdout, stderr } = await talk.end();
  return { status, stdout: plain(stdout), stderr: plain(stderr) };
}

test('terminal output is identical to that with a database', async () => {
  const here = await startChat(db.url);
  expect(here.stdout).toContain('Add one?\nAre you sure?\nIt is 42,\nor 43.\n');
  expect(here.stderr).toContain('→ calculator');
  expect(await startChat(UNREACHABLE_URL, '--api', api.url)).toEqual(here);
});

test('JSON output is identical, too, except for an ended run, which has REST fields', async () => {
  const chatOutput = async (url: string, ...more: string[]) => {
    const { stdout } = await startChat(url, '--json', ...more);
    const objects = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')));
    return objects.map(({ type, ...rest }) => {
      const { status, output, tokens_in, cost, step_count, completed_at } = rest;
      const end = { status, output, tokens_in, cost, step_count, completed_at };
      return { type, ...(type === 'end' ? end : rest) };
    });
  };
  const here = await chatOutput(db.url);
  expect(new Set(here.map(({ type }) => type))).toContain('trace');
  expect(await chatOutput(UNREACHABLE_URL, '--api', api.url)).toEqual(here);
});

test('an answer interrupted by a lost connection is printed once and completely', async () => {
  const proxy = await openCutProxy(api.url);
  try {
    const talk = startCli(UNREACHABLE_URL, 'chat', 'poet', '--stream', '--api', proxy.url);
    talk.type('Hi');
    await expect.poll(talk.stdout, { timeout: 60_000 }).toBe(PARTS[0]);
    const before = proxy.opened;
    proxy.cut();
    gate.allow(1); // while no client is connected
    await expect.poll(() => proxy.opened, { timeout: 60_000 }).toBeGreaterThan(before);
    gate.allow(1);
    await expect.poll(talk.stdout, { timeout: 60_000 }).toBe(`${POEM}\n`);
    const { status, stdout, stderr } = await talk.end();
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${POEM}\n` });
    expect(stderr.match(/^ +1 {2}model/gm)).toHaveLength(1);
    expect(stderr).not.toContain('Grüße');
  } finally {
    proxy.close();
  }
});

test('a question is answered after the connection was lost while idle', async () => {
  const proxy = await openCutProxy(api.url);
  try {
    const talk = startCli(UNREACHABLE_URL, 'chat', agent, '--api', proxy.url);
    talk.type('What is 6 * 7?');
    await expect.poll(talk.stdout, { timeout: 60_000 }).toBe('Add one?\n');
    proxy.cut();
    talk.type('yes');
    await expect.poll(talk.stdout, { timeout: 60_000 }).toContain('Are you sure?\n');
    proxy.cut();
    talk.type('I am');
    const { status, stdout } = await talk.end();
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: 'Add one?\nAre you sure?\nIt is 42,\nor 43.\n',
    });
  } finally {
    proxy.close();
  }
});

test('an unreachable server is reported with a hint', async () => {
  const away = await startCli(UNREACHABLE_URL, 'chat', 'poet', '--api', 'http://127.0.0.1:1').end();
  expect(away).toMatchObject({
    status: 8,
    stderr: expect.stringContaining('hint: Check the address, and that the server is running.'),
  });
});
