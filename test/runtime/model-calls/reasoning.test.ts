import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import {
  startVendorServer,
  type VendorRequest,
  type VendorServer,
} from '../../providers/ai-sdk/vendor-server.ts';
import { makeSession, runRow } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { makeAgent, messagesOf, runToEnd, stepsOf, waitForEnd } from '../arrange.ts';

const SIGNATURE = 'EqQBCkgIARABGAIiQL+/"é=='; // must be preserved byte by byte
const THOUGHT = 'The user  wants\n a "sum". ';
const CALLS = [{ name: 'calculator', arguments: { expression: '1+1' }, signature: SIGNATURE }];

const database = testDatabase();
let anthropic: VendorServer;
let google: VendorServer;
let worker: Worker;
/** The search that Anthropic makes before its call, set by each test. */
let search: { query: string; url: string } | undefined;

beforeAll(async () => {
  const reply = ({ body }: VendorRequest) =>
    JSON.stringify(body).match(/tool_result|functionResponse/)
      ? { words: ['It', ' is 2.'] }
      : {
          ...(search && { search }),
          thought: { text: THOUGHT, signature: SIGNATURE },
          calls: CALLS,
        };
  anthropic = await startVendorServer('anthropic', reply);
  google = await startVendorServer('google', reply);
  worker = await startTestWorker(database.url);
});
afterEach(() => database.pool.query('delete from howdah.output_filters'));
afterAll(async () => {
  await worker?.stop(0);
  await Promise.all([anthropic?.close(), google?.close()]);
});

/** Runs an agent with one model, and returns its messages and steps. */
async function run(model: JsonObject, columns: { session_id?: string } = {}) {
  const agent = await makeAgent(database.pool, { models: [model], tools: ['calculator'] });
  const { id } = await runToEnd(database.pool, agent, 'sum', columns);
  const messages = await messagesOf(database.pool, id);
  return { id, messages, steps: await stepsOf(database.pool, id) };
}

test('Anthropic gets reasoning with its signature back from the log, byte for byte', async () => {
  const { messages, steps } = await run({ provider: 'anthropic', base_url: anthropic.url });
  const part = {
    type: 'reasoning',
    vendor: 'anthropic',
    text: THOUGHT,
    provider_metadata: { anthropic: { signature: SIGNATURE } },
  };
  expect(messages.find(({ role }) => role === 'assistant')).toMatchObject({ parts: [part] });
  const sent = JSON.stringify(anthropic.requests[1]?.body.messages);
  expect(sent).toContain(
    JSON.stringify({ type: 'thinking', thinking: THOUGHT, signature: SIGNATURE }),
  );
  const [first] = steps.filter(({ kind }) => kind === 'model');
  expect(first?.output).toMatchObject({ tool_calls: 1, usage: { cached_tokens: 64 } });
  expect(first).toMatchObject({ tokens_in: 100, tokens_out: 20 });
});

test('Gemini gets the signature of a call back from the log', async () => {
  const { messages } = await run({ provider: 'google', base_url: google.url });
  const asking = messages.find(({ role }) => role === 'assistant');
  expect(asking).toMatchObject({
    tool_calls: [{ provider_metadata: { google: { thoughtSignature: SIGNATURE } } }],
  });
  const sent = JSON.stringify(google.requests[1]?.body.contents);
  expect(sent).toContain(JSON.stringify(SIGNATURE));
});

const reasoning = (text: string) => ({ type: 'reasoning', vendor: 'scripted', text });

test('reasoning that a filter would change is dropped, and the hit is in the log', async () => {
  await database.pool.query(
    `insert into howdah.output_filters (name, pattern, action, places)
     values ('key', 'canary-[a-z0-9]{8,}', 'redact', '{output}')`,
  );
  const parts = [reasoning('about canary-abcdefgh1'), reasoning('about nothing')];
  const { messages, steps } = await run({ script: [{ content: 'Hello', parts }] });
  expect(messages.at(-1)).toMatchObject({ content: 'Hello', parts: [parts[1]] });
  expect(steps.map(({ kind, name }) => `${kind} ${name}`)).toContain('guard output_filter');
});

test('Anthropic gets a search of its own back from the log', async () => {
  search = { query: 'sums', url: 'https://news.example/1' };
  const { id, messages } = await run({ provider: 'anthropic', base_url: anthropic.url });
  search = undefined;
  expect(await runRow(database.pool, id)).toMatchObject({ trust: 'external' });
  const asking = messages.find(({ role }) => role === 'assistant');
  const own = (asking?.parts ?? []).filter(({ type }: JsonObject) => /^provider_/.test(`${type}`));
  expect(own).toMatchObject([
    { type: 'provider_tool_call', vendor: 'anthropic', name: 'web_search' },
    { type: 'provider_tool_result', result: [{ url: 'https://news.example/1' }] },
  ]);
  const sent = anthropic.requests.at(-1)?.body.messages as { content: JsonObject[] }[];
  expect(sent[1]?.content.map(({ type }) => type)).toEqual([
    ...['thinking', 'text', 'server_tool_use', 'web_search_tool_result', 'tool_use'],
  ]);
});

test('details of the usage are in the output of the step', async () => {
  const usage = { tokens_in: 50, tokens_out: 9, cached_tokens: 40, reasoning_tokens: 5 };
  const { steps } = await run({ script: [{ content: 'Hello', usage }] });
  const model = steps.find(({ kind }) => kind === 'model');
  expect(model).toMatchObject({ tokens_in: 50, tokens_out: 9 });
  expect(model?.output).toMatchObject({ usage: { cached_tokens: 40, reasoning_tokens: 5 } });
});

test('a fork of a session has neither reasoning nor data of vendors', async () => {
  const call = {
    name: 'calculator',
    arguments: { expression: '1+1' },
    provider_metadata: { google: { thoughtSignature: SIGNATURE } },
  };
  const agent = await makeAgent(database.pool, {
    script: [
      { tool_calls: [call], parts: [reasoning('a thought')] },
      { content: 'It is 2.', parts: [reasoning('another')] },
      { content: 'Still 2.' },
    ],
    tools: ['calculator'],
  });
  const session_id = await makeSession(database.pool, { agent_id: agent });
  await runToEnd(database.pool, agent, 'sum', { session_id });
  const { rows } = await database.pool.query(
    'select live_execution_id as id from howdah.fork_session($1, $2)',
    [session_id, 'again'],
  );
  const forked = await waitForEnd(database.pool, rows[0].id);
  expect(forked).toMatchObject({ status: 'completed', output: 'Still 2.' });
});
