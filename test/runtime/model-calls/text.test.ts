import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  insertRun,
  makeAgent,
  messagesOf,
  resultsOf,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';

// Postgres can store neither NUL nor half a surrogate pair; models and tools send both. The OpenAI
// client removes NUL itself, so there it is missing.
const bad = 'nul \u0000, half \ud83d, whole 🐘';
const good = 'nul \ufffd, half \ufffd, whole 🐘';
const heard = 'nul , half \ufffd, whole 🐘';

const database = testDatabase();
let worker: Worker;
let server: FakeServer;
/** Behaviour of the fake model, by question. */
const answers = new Map<string, FakeAnswer>();
const seen: JsonObject[] = [];

const open = { type: 'object' };
const tools: CustomTool[] = [
  { name: 'note', description: '', parameters: open, run: (args) => seen.push(args) },
  { name: 'bad_text', description: '', parameters: open, run: () => bad },
  { name: 'bad_key', description: '', parameters: open, run: () => ({ [bad]: [bad] }) },
  {
    name: 'bad_error',
    description: '',
    parameters: open,
    run: () => {
      throw new Error(bad);
    },
  },
];

beforeAll(async () => {
  server = await startOpenAiServer(({ body }) => {
    const messages = body.messages as { role: string; content: string }[];
    const prompt = messages.findLast(({ role }) => role === 'user')?.content ?? '';
    return (
      (messages.at(-1)?.role === 'tool' ? undefined : answers.get(prompt)) ?? { content: 'done' }
    );
  });
  worker = await startTestWorker(database.url, { tools, openai: server.url });
});
afterAll(async () => {
  await worker.stop(1_000);
  await server.close();
});

async function run(question: string, answer: FakeAnswer, names: string[] = []) {
  answers.set(question, answer);
  const agent = await makeAgent(database.pool, { models: [{ provider: 'openai' }], tools: names });
  const run = await runToEnd(database.pool, agent, question);
  expect(run.error).toBeNull();
  return run;
}

test('invalid characters in an answer become U+FFFD', async () => {
  expect((await run('text', { content: bad })).output).toBe(heard);
});

test('invalid characters in arguments become U+FFFD, and the tool receives the original', async () => {
  const call = { name: 'note', arguments: JSON.stringify({ [bad]: bad }) };
  const { id } = await run('arguments', { tool_calls: [call] }, ['note']);
  expect(seen.at(-1)).toEqual({ [bad]: bad });
  const steps = await stepsOf(database.pool, id);
  expect(Object.values(steps[1]?.input ?? {})).toEqual([good]);
});

test('invalid characters in arguments that are not JSON become U+FFFD', async () => {
  const call = { name: 'note', arguments: `{"${bad}` };
  const { id } = await run('raw', { tool_calls: [call] }, ['note']);
  const [step] = (await stepsOf(database.pool, id)).filter(({ kind }) => kind === 'tool');
  expect(step).toMatchObject({ input: `{"${heard}`, error: { code: 'invalid_arguments' } });
});

test.each(['bad_text', 'bad_key', 'bad_error'])(
  'invalid characters in a tool result become U+FFFD: %s',
  async (name) => {
    const { id } = await run(name, { tool_calls: [{ name, arguments: {} }] }, [name]);
    const [result] = await resultsOf(database.pool, id);
    expect(result).toContain(', whole 🐘');
  },
);

test('invalid characters in the name and id of a call become U+FFFD', async () => {
  const { id } = await run('name', { tool_calls: [{ id: bad, name: bad, arguments: {} }] }, [
    'note',
  ]);
  const messages = await messagesOf(database.pool, id);
  expect(messages[1]?.tool_calls?.[0]).toMatchObject({ id: heard, name: heard });
  expect(messages[2]?.tool_call_id).toBe(heard);
});

test('two ids that are equal once stored remain two calls', async () => {
  const calls = ['x\u0000', 'x\ud800'].map((id) => ({ id, name: 'note', arguments: {} }));
  const { id } = await run('ids', { tool_calls: calls }, ['note']);
  const ids = (await messagesOf(database.pool, id))[1]?.tool_calls?.map((call) => call.id);
  expect(new Set(ids).size).toBe(2);
});

test('an input with parts is sent to the model in that form', async () => {
  // Nothing writes parts today. Parts of an input row written directly must reach the model
  // unchanged.
  const { pool } = database;
  const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
  const parts = [
    { type: 'text', text: 'What is on it?' },
    { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
  ];
  const { rows } = await pool.query(
    `with run as (
       insert into howdah.executions (agent_id, input) values ($1, 'picture') returning id, tenant_id
     )
     insert into howdah_private.message_log (execution_id, seq, tenant_id, role, trust, content, parts)
     select r.id, 1, r.tenant_id, 'user', 'user', 'picture', $2 from run as r returning execution_id as id`,
    [agent, JSON.stringify(parts)],
  );
  expect((await waitForEnd(pool, rows[0].id)).status).toBe('completed');
  expect(JSON.stringify(server.requests.at(-1)?.body.messages)).toContain(
    'data:image/png;base64,AAAA',
  );
});

test('input_data is sent to the model as JSON below the input', async () => {
  const { pool } = database;
  const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
  const id = await insertRun(pool, agent, 'data', { input_data: { secret_number: 4711 } });
  await waitForEnd(pool, id);
  const messages = server.requests.at(-1)?.body.messages as { content: string }[];
  expect(messages.at(-1)?.content).toBe('data\n\n{\n    "secret_number": 4711\n}');
});
