import { afterAll, describe, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import { openaiProvider } from '../../../src/providers/openai.ts';
import { answerOf, errorOf, modelRequest, unabortedSignal } from '../requests.ts';

const open: FakeServer[] = [];
afterAll(() => Promise.all(open.map((server) => server.close())));

async function outcomeOf(answer: FakeAnswer) {
  const server = await startOpenAiServer([answer]);
  open.push(server);
  const provider = openaiProvider({ env: { baseUrl: server.url } });
  return provider.generate(modelRequest('Hi'), { signal: unabortedSignal() });
}

const answerTo = async (answer: FakeAnswer) => answerOf(await outcomeOf(answer));

const delta = (piece: object, finish_reason: string | null = null) =>
  ({ choices: [{ index: 0, delta: piece, finish_reason }] }) as never;
const usageChunk = (usage: object) => ({ choices: [], usage }) as never;
const callOf = (args: string) =>
  delta({ tool_calls: [{ index: 0, id: 'c', function: { name: 'purge', arguments: args } }] });

describe('an answer that ended for an unknown reason', () => {
  test('calls nothing without arguments, which it may have lost', async () => {
    const answer = await answerTo({ chunks: [callOf(''), delta({}, 'budget_reached')] });
    expect(answer).toMatchObject({ tool_calls: [], cut_calls: ['purge'], finish_reason: 'length' });
  });

  test('makes a call with arguments', async () => {
    const answer = await answerTo({ chunks: [callOf('{"a":1}'), delta({}, 'done')] });
    expect(answer.tool_calls).toMatchObject([{ name: 'purge', arguments: '{"a":1}' }]);
  });

  test('is no answer if the server has aborted it', async () => {
    const outcome = await outcomeOf({ chunks: [callOf(''), delta({}, 'abort')] });
    expect(errorOf(outcome)).toMatchObject({ code: 'bad_answer', retryable: true });
  });
});

describe('a call in the form of 2023', () => {
  const fn = { name: 'purge', arguments: '{"a":1}' };

  test('in pieces', async () => {
    const pieces = [{ name: 'purge', arguments: '{"a"' }, { arguments: ':1}' }];
    const chunks = pieces.map((function_call) => delta({ function_call }));
    const { tool_calls } = await answerTo({ chunks: [...chunks, delta({}, 'function_call')] });
    expect(tool_calls).toMatchObject([fn]);
  });

  test('in an answer that is not streamed', async () => {
    const message = { content: null, function_call: fn };
    const raw = JSON.stringify({
      choices: [{ index: 0, message, finish_reason: 'function_call' }],
    });
    const { tool_calls } = await answerTo({ raw, headers: { 'content-type': 'application/json' } });
    expect(tool_calls).toMatchObject([fn]);
  });
});

describe('reasoning in the text', () => {
  test.each([
    ['several blocks', '<think>a</think>\n<think>b</think>\nBern.', 'a\nb'],
    ['capitals', '<THINK>a</THINK>Bern.', 'a'],
    ['thinking', '<thinking>a</thinking>\n\nBern.', 'a'],
    ['thought', '<thought>a</thought>Bern.', 'a'],
    ['Seed', '<seed:think>a</seed:think>Bern.', 'a'],
    ['Magistral', '[THINK]a[/THINK]Bern.', 'a'],
    ['Kimi', '◁think▷a◁/think▷Bern.', 'a'],
    [
      'gpt-oss',
      '<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>Bern.',
      'a<|end|><|start|>assistant',
    ],
    ['an opening tag in the chat template', 'a {"b":1}\n</think>\n\nBern.', 'a {"b":1}\n'],
  ])('is separated: %s', async (_, text, reasoning) => {
    for (const pieces of [[text], [...text]]) {
      const chunks = [...pieces.map((content) => delta({ content })), delta({}, 'stop')];
      const { content, parts } = await answerTo({ chunks });
      expect(content).toBe('Bern.');
      expect(parts).toEqual([{ type: 'reasoning', vendor: 'openai', text: reasoning }]);
    }
  });

  test.each([
    'Use the <think> tag: <think>x</think>.',
    'The tag `</think>` ends it.',
    'So:\n<think>\nx\n</think>\nDone.',
    '<thinks>a</thinks>',
  ])('is not found in an answer about tags: %s', async (content) => {
    expect((await answerTo({ content })).content).toBe(content);
  });

  test.each([[{ reasoning_content: '', reasoning: 'hm' }], [{ thinking: 'hm' }]])(
    'is read from the field %o',
    async (piece) => {
      const { parts } = await answerTo({
        chunks: [delta(piece), delta({ content: 'Hi' }), delta({}, 'stop')],
      });
      expect(parts).toEqual([{ type: 'reasoning', vendor: 'openai', text: 'hm' }]);
    },
  );
});

describe('usage', () => {
  const counted = async (usage: object) =>
    (await answerTo({ chunks: [delta({ content: 'Hi' }), delta({}, 'stop'), usageChunk(usage)] }))
      .usage;

  test('in strings', async () => {
    const usage = { prompt_tokens: '1000', completion_tokens: '500', total_tokens: '1500' };
    expect(await counted(usage)).toEqual({ tokens_in: 1000, tokens_out: 500 });
  });

  test('without the output, which the total shows', async () => {
    const usage = { prompt_tokens: 1000, total_tokens: 1500 };
    expect(await counted(usage)).toEqual({ tokens_in: 1000, tokens_out: 500 });
  });

  test('with cached input counted apart', async () => {
    const cache = { cache_read_input_tokens: 990, cache_creation_input_tokens: 100 };
    expect(await counted({ input_tokens: 10, output_tokens: 5, ...cache })).toEqual({
      tokens_in: 1100,
      tokens_out: 5,
      cached_tokens: 990,
      cache_write_tokens: 100,
    });
  });

  test('of an answer that ended with an error is kept', async () => {
    const error = { message: 'upstream died', code: 502 };
    const usage = { prompt_tokens: 1000, completion_tokens: 1 };
    const chunks = [delta({ content: 'Hi' }), usageChunk(usage), { error } as never];
    expect(await outcomeOf({ chunks })).toMatchObject({
      ok: false,
      error: { code: 'overloaded' },
      usage: { tokens_in: 1000, tokens_out: 1 },
    });
  });
});
