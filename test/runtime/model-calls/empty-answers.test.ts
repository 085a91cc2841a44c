import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { kindsOf, makeAgent, messagesOf, runToEnd } from '../arrange.ts';

// Answers without a text and without a call.

const database = testDatabase();
const servers: FakeServer[] = [];
let worker: Worker;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(1_000);
  await Promise.all(servers.map((server) => server.close()));
});

const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const chunkOf = (delta: JsonObject, finish_reason: string | null = null) => ({
  choices: [{ index: 0, delta, finish_reason }],
});
/** Answers in which nothing is said, by what they consist of. */
const EMPTY_ANSWERS: [string, FakeAnswer][] = [
  ['no text', { content: '', usage }],
  ['only blanks', { content: ' \n\u00a0\t', usage }],
  ['only characters of zero width', { content: '\u200b\ufeff\n\u2060', usage }],
  ['only reasoning', { chunks: [chunkOf({ reasoning_content: 'hm' }), chunkOf({}, 'stop')] }],
  ['only reasoning in tags', { content: '<think>\nhm\n</think>\n', usage }],
  ['no choice with a text', { chunks: [chunkOf({}, 'stop')] }],
  ['a call that is missing', { content: '', finish_reason: 'tool_calls', usage }],
  [
    'a text and a call that is missing',
    { content: 'I look it up.', finish_reason: 'tool_calls', usage },
  ],
  [
    'a call of Qwen as text',
    {
      content:
        '<tool_call>\n{"name": "calculator", "arguments": {"expression": "1"}}\n</tool_call>',
    },
  ],
  ['a call of Mistral as text', { content: '[TOOL_CALLS][{"name": "calculator"}]' }],
];

/** Runs an agent whose model gives these answers. */
async function answerWith(answers: FakeAnswer[], more: { output_schema?: JsonObject } = {}) {
  const server = await startOpenAiServer(answers);
  servers.push(server);
  const id = await makeAgent(database.pool, {
    models: [{ provider: 'openai', base_url: server.url }],
    tools: ['calculator'],
    ...more,
  });
  return { id, run: await runToEnd(database.pool, id), server };
}

describe('an answer with nothing in it', () => {
  test.each(EMPTY_ANSWERS)('is asked for once more: %s', async (_, empty) => {
    const { run, server } = await answerWith([empty, { content: 'Bern.' }]);
    expect(run).toMatchObject({ status: 'completed', output: 'Bern.', finish_reason: 'stop' });
    expect(await kindsOf(database.pool, run.id)).toBe('model guard model output');
    const messages = server.requests[1]?.body.messages as { role: string; content: string }[];
    expect(messages.at(-1)).toMatchObject({ role: 'user' });
    expect(messages.every(({ content }) => content.trim() !== '')).toBe(true);
  });

  test('has no text in the log, which all APIs show', async () => {
    const { run } = await answerWith([{ content: '' }, { content: 'Bern.' }]);
    const said = (await messagesOf(database.pool, run.id)).filter(
      ({ role }) => role === 'assistant',
    );
    expect(said.map(({ content }) => content)).toEqual(['', 'Bern.']);
  });

  test.each(EMPTY_ANSWERS)('fails the run the second time: %s', async (_, empty) => {
    const { run, server } = await answerWith([empty, empty]);
    expect(run).toMatchObject({
      status: 'failed',
      output: null,
      error: { code: 'empty_answer', retryable: false },
    });
    expect(server.requests).toHaveLength(2);
  });

  test('is asked for again after a round of tools, too', async () => {
    const call = { id: 'c1', name: 'calculator', arguments: '{"expression":"6 * 7"}' };
    const { run } = await answerWith([
      { content: '', usage },
      { tool_calls: [call], usage },
      { content: '', usage },
      { content: '42' },
    ]);
    expect(run).toMatchObject({ status: 'completed', output: '42' });
  });

  test('is not taken for JSON that has to be repaired', async () => {
    const answers = [{ content: '' }, { content: '' }];
    const { run } = await answerWith(answers, { output_schema: { type: 'object' } });
    expect(run).toMatchObject({ status: 'failed', error: { code: 'empty_answer' } });
  });

  test('ends a run as completed if the agent may answer with nothing', async () => {
    const server = await startOpenAiServer([{ content: '', usage }]);
    servers.push(server);
    const id = await makeAgent(database.pool, {
      models: [{ provider: 'openai', base_url: server.url }],
    });
    await database.pool.query('update howdah.agents set allow_empty = true where id = $1', [id]);
    expect(await runToEnd(database.pool, id)).toMatchObject({ status: 'completed', output: '' });
    expect(server.requests).toHaveLength(1);
  });

  test('does not begin with a call as text for an agent without tools', async () => {
    const content = '<tool_call> begins a call of Qwen.';
    const server = await startOpenAiServer([{ content }]);
    servers.push(server);
    const models = [{ provider: 'openai', base_url: server.url }];
    const run = await runToEnd(database.pool, await makeAgent(database.pool, { models }));
    expect(run).toMatchObject({ status: 'completed', output: content });
  });

  test('keeps its tokens', async () => {
    const { run } = await answerWith([
      { content: '', usage },
      { content: '', usage },
    ]);
    expect(run).toMatchObject({ tokens_in: '20', tokens_out: '10' });
  });
});
