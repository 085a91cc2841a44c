import { afterAll, describe, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
  streamOf,
} from '../../../chaos/load/openai-server.ts';
import { openaiProvider } from '../../../src/providers/openai.ts';
import { answerOf, errorOf, modelRequest, toolRound, unabortedSignal } from '../requests.ts';

const open: FakeServer[] = [];
afterAll(() => Promise.all(open.map((server) => server.close())));

async function startProvider(script: Parameters<typeof startOpenAiServer>[0]) {
  const server = await startOpenAiServer(script);
  open.push(server);
  return openaiProvider({ env: { baseUrl: server.url } });
}

async function answerTo(answer: FakeAnswer, request = modelRequest('Hi')) {
  const provider = await startProvider([answer]);
  return answerOf(await provider.generate(request, { signal: unabortedSignal() }));
}

/** Returns a stream chunk with one choice. */
const delta = (piece: object, finish_reason: string | null = null) =>
  ({ choices: [{ index: 0, delta: piece, finish_reason }] }) as never;
const call = (piece: object) => delta({ tool_calls: [piece] });
const END = delta({}, 'tool_calls');
const citation = (url: string) => ({ type: 'url_citation', url_citation: { url, title: 'A' } });

test.each([
  ['annotations of the message', [delta({ annotations: [citation('https://a.example/1')] })]],
  [
    'addresses beside the message',
    [{ choices: [{ index: 0, delta: {} }], citations: ['https://a.example/1'] }],
  ],
])('a search of the server is a part of the answer: %s', async (_, pieces) => {
  const chunks = [delta({ content: 'Yes.' }), ...pieces, ...pieces, delta({}, 'stop')];
  const { parts } = await answerTo({ chunks });
  expect(parts).toMatchObject([{ type: 'citation', url: 'https://a.example/1' }]);
});

describe('a stream cut at every byte', () => {
  const text = { content: 'Grüße 🙂 aus Köln' };
  const calls = { tool_calls: [{ name: 'order_status', arguments: { order_id: 'Ä-1001', n: 1 } }] };

  test.each<[string, FakeAnswer, 'reset' | 'end']>([
    ['text, the connection is lost', text, 'reset'],
    ['text, the body just ends', text, 'end'],
    ['a tool call, the connection is lost', calls, 'reset'],
    ['a tool call, the body just ends', calls, 'end'],
  ])('%s: yields the whole answer or a bad answer, never half of one', async (_, answer, how) => {
    const whole = await answerTo(answer);
    const bytes = streamOf(answer);
    const provider = await startProvider(({ body }) => ({
      ...answer,
      cut: { after: Number(body.seed), how },
    }));
    const said = bytes.indexOf('"finish_reason":"');
    const cutAt = async (after: number) => {
      const request = modelRequest('Hi');
      request.model.request_params = { seed: after };
      const outcome = await provider.generate(request, { signal: unabortedSignal() });
      if (outcome.ok) {
        expect(after).toBeGreaterThan(said);
        expect(outcome.value).toMatchObject({
          content: whole.content,
          tool_calls: whole.tool_calls,
        });
      } else expect(outcome.error).toMatchObject({ code: 'bad_answer', retryable: true });
      return outcome.ok;
    };
    const all = Array.from({ length: bytes.length + 1 }, (_, at) => at);
    const oks: boolean[] = [];
    while (all.length > 0) oks.push(...(await Promise.all(all.splice(0, 32).map(cutAt))));
    expect(oks[0]).toBe(false);
    expect(oks.at(-1)).toBe(true);
  });
});

describe('usage', () => {
  test('is the server’s count', async () => {
    expect((await answerTo({ content: 'Hello' })).usage).toEqual({ tokens_in: 11, tokens_out: 7 });
  });

  test.each([
    ['none', null],
    ['NaN', { prompt_tokens: 'NaN', completion_tokens: null }],
    ['negative', { prompt_tokens: -5, completion_tokens: -1 }],
    ['absurd', { prompt_tokens: 1e300, completion_tokens: 1e12 }],
    ['zero', { prompt_tokens: 0, completion_tokens: 0 }],
  ])('is estimated as bytes / 4 where the server reports %s', async (_, usage) => {
    const answer = await answerTo({ content: 'Grüße', usage }, modelRequest('12345678'));
    expect(answer.usage).toEqual({ tokens_in: 2, tokens_out: 2, estimated: true });
  });
});

describe('usage of a vendor', () => {
  const end = (more: object) => ({ ...(delta({ content: 'Hi' }, 'stop') as object), ...more });
  const prompt_tokens = 12;
  test.each<[string, object, object]>([
    [
      'xAI, which does not count reasoning as output',
      end({
        usage: {
          prompt_tokens,
          completion_tokens: 1,
          total_tokens: 303,
          completion_tokens_details: { reasoning_tokens: 290 },
        },
      }),
      { tokens_in: 12, tokens_out: 291, reasoning_tokens: 290 },
    ],
    [
      'reasoning outside of the output, without a total',
      end({
        usage: {
          prompt_tokens,
          completion_tokens: 1,
          completion_tokens_details: { reasoning_tokens: 290 },
        },
      }),
      { tokens_in: 12, tokens_out: 291, reasoning_tokens: 290 },
    ],
    [
      'OpenAI, where reasoning is a part of the output',
      end({
        usage: {
          prompt_tokens,
          completion_tokens: 300,
          total_tokens: 312,
          completion_tokens_details: { reasoning_tokens: 290 },
          prompt_tokens_details: { cached_tokens: 4 },
        },
      }),
      { tokens_in: 12, tokens_out: 300, reasoning_tokens: 290, cached_tokens: 4 },
    ],
    [
      'Moonshot, in the choice',
      {
        choices: [
          {
            index: 0,
            delta: { content: 'Hi' },
            finish_reason: 'stop',
            usage: { prompt_tokens: 1000, completion_tokens: 500, cached_tokens: 7 },
          },
        ],
      },
      { tokens_in: 1000, tokens_out: 500, cached_tokens: 7 },
    ],
    [
      'Groq, in x_groq',
      end({ x_groq: { usage: { prompt_tokens, completion_tokens: 5 } } }),
      { tokens_in: 12, tokens_out: 5 },
    ],
    [
      'DeepSeek, with its own name for the cache',
      end({ usage: { prompt_tokens, completion_tokens: 5, prompt_cache_hit_tokens: 8 } }),
      { tokens_in: 12, tokens_out: 5, cached_tokens: 8 },
    ],
  ])('%s', async (_, chunk, usage) => {
    expect((await answerTo({ chunks: [chunk as never] })).usage).toEqual(usage);
  });
});

describe('tool calls', () => {
  const callsOf = async (...chunks: never[]) =>
    (await answerTo({ chunks: [...chunks, END] })).tool_calls;
  const fn = (name: string, args: unknown = '{}') => ({ name, arguments: args });

  test('arrive in chunks, two at a time', async () => {
    const chunks = [
      call({ index: 0, id: 'a', function: fn('one', '{"x"') }),
      call({ index: 1, id: 'b', function: fn('two', '') }),
      call({ index: 0, function: { arguments: ':1}' } }),
      call({ index: 1, function: { arguments: '{"y":2}' } }),
    ];
    expect(await callsOf(...chunks)).toEqual([
      { id: 'a', name: 'one', arguments: '{"x":1}' },
      { id: 'b', name: 'two', arguments: '{"y":2}' },
    ]);
  });

  test('without an index are separated', async () => {
    const chunks = [
      call({ id: 'a', function: fn('one', '{"x"') }),
      call({ function: { arguments: ':1}' } }),
      call({ id: 'b', function: fn('two') }),
    ];
    expect((await callsOf(...chunks)).map((one) => one.arguments)).toEqual(['{"x":1}', '{}']);
  });

  test('that all have the index 0 are separated', async () => {
    const chunks = [
      call({ index: 0, id: 'a', function: fn('one') }),
      call({ index: 0, id: 'b', function: fn('two', '{"y"') }),
      call({ index: 0, function: { arguments: ':2}' } }),
    ];
    expect((await callsOf(...chunks)).map((one) => one.arguments)).toEqual(['{}', '{"y":2}']);
  });

  test.each([
    ['missing', undefined],
    ['duplicate', 'same'],
    ['already used', 'call_1_1'],
  ])('with ids that are %s get unique ids', async (_, id) => {
    const head = id === undefined ? {} : { id };
    const chunks = [0, 1].map((index) => call({ index, ...head, function: fn(`tool_${index}`) }));
    const request = modelRequest(toolRound('Hi', 'tool_0', {}, 'done'));
    const { tool_calls } = await answerTo({ chunks: [...chunks, END] }, request);
    const ids = new Set([...tool_calls.map((one) => one.id), 'call_1_1', '']);
    expect(ids.size).toBe(4);
  });

  test.each([
    ['an object', { x: 1 }, '{"x":1}'],
    ['nothing', '', '{}'],
    ['null', null, '{}'],
    ['broken JSON, which the runtime tells the model', '{"x":', '{"x":'],
  ])('accept arguments that are %s', async (_, argumentText, expected) => {
    expect(
      (await callsOf(call({ index: 0, id: 'a', function: fn('one', argumentText) })))[0]?.arguments,
    ).toBe(expected);
  });

  test.each([
    ['broken', '{"x":"ha'],
    ['empty', ''],
    ['complete', '{"x":1}'],
  ])('of an answer at the token limit are left out and named: %s', async (_, text) => {
    for (const reason of [
      'length',
      'MAX_TOKENS',
      'model_length',
      'model_context_window_exceeded',
    ]) {
      const cut = call({ index: 0, id: 'a', function: fn('one', text) });
      const answer = await answerTo({ chunks: [delta({ content: 'I' }), cut, delta({}, reason)] });
      expect(answer).toMatchObject({ content: 'I', tool_calls: [], finish_reason: 'length' });
      expect(answer.cut_calls).toEqual(['one']);
    }
  });

  test.each<[string, object[], [name: string, text: string][]]>([
    [
      'two of one tool, each complete',
      [
        { index: 0, id: '', function: fn('note', '{"n":1}') },
        { index: 0, id: '', function: fn('note', '{"n":2}') },
      ],
      [
        ['note', '{"n":1}'],
        ['note', '{"n":2}'],
      ],
    ],
    [
      'two tools without arguments',
      [
        { index: 0, function: fn('one', '') },
        { index: 0, function: fn('two', '') },
      ],
      [
        ['one', '{}'],
        ['two', '{}'],
      ],
    ],
    [
      'the same one again and again, as it grows',
      [
        { index: 0, id: 'a', function: fn('note', '{"n"') },
        { index: 0, id: 'a', function: fn('note', '{"n":1}') },
        { index: 0, id: 'a', function: fn('note', '{"n":1}') },
      ],
      [['note', '{"n":1}']],
    ],
    [
      'a name in each piece',
      [
        { index: 0, id: 'a', function: fn('note', '{"n"') },
        { index: 0, id: 'a', function: fn('note', ':1}') },
      ],
      [['note', '{"n":1}']],
    ],
    [
      'several objects in one text',
      [{ index: 0, id: 'a', function: fn('note', '{"n":"}{"}{"n":2}\n{"n":3}') }],
      [
        ['note', '{"n":"}{"}'],
        ['note', '{"n":2}'],
        ['note', '{"n":3}'],
      ],
    ],
  ])('with one index are told apart: %s', async (_, pieces, expected) => {
    const calls = await callsOf(...pieces.map((piece) => call(piece)));
    expect(calls.map((one) => [one.name, one.arguments])).toEqual(expected);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(expected.length);
  });
});

describe('accepts a server', () => {
  test.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['content_filter', 'content_filter'],
    ['eos', 'stop'],
    ['SAFETY', 'content_filter'],
    ['refusal', 'refusal'],
    ['something new', 'stop'],
  ])('whose finish_reason %s means %s', async (finish_reason, expected) => {
    expect((await answerTo({ content: 'Hi', finish_reason })).finish_reason).toBe(expected);
  });

  test('that ignores `stream` and sends a whole answer', async () => {
    const message = {
      content: 'Hi',
      tool_calls: [{ id: 'a', function: { name: 'one', arguments: '{}' } }],
    };
    const body = { choices: [{ index: 0, message, finish_reason: 'stop' }] };
    const headers = { 'content-type': 'application/json' };
    const answer = await answerTo({ raw: JSON.stringify(body), headers });
    expect(answer).toMatchObject({ content: 'Hi', finish_reason: 'tool_calls' });
    expect(answer.tool_calls).toEqual([{ id: 'a', name: 'one', arguments: '{}' }]);
  });

  test('whose model refuses, and keeps its words', async () => {
    const chunks = [
      delta({ refusal: 'I cannot ' }),
      delta({ refusal: 'help.' }),
      delta({}, 'stop'),
    ];
    const answer = await answerTo({ chunks });
    expect(answer).toMatchObject({ content: 'I cannot help.', finish_reason: 'refusal' });
  });

  test('that sends reasoning at the head of the text', async () => {
    const pieces = ['\n<th', 'ink>hm', ' {"a":1}</thi', 'nk>\n\n', '{"b":2}'];
    const chunks = [...pieces.map((content) => delta({ content })), delta({}, 'stop')];
    const tokens: string[] = [];
    const provider = await startProvider([{ chunks }]);
    const answer = answerOf(
      await provider.generate(modelRequest('Hi'), {
        signal: unabortedSignal(),
        onToken: (text) => tokens.push(text),
      }),
    );
    expect(answer.content).toBe('{"b":2}');
    expect(answer.parts).toEqual([{ type: 'reasoning', vendor: 'openai', text: 'hm {"a":1}' }]);
    expect(tokens.join('')).toBe('{"b":2}');
  });

  test('that sends comments, CRLF, other choices and reasoning in parts', async () => {
    const other = { choices: [{ index: 1, delta: { content: 'no' } }] };
    const parts = [
      { type: 'thinking', thinking: [{ text: 'hm' }] },
      { type: 'text', text: 'Hi' },
    ];
    const events = [other, delta({ content: parts }), delta({ content: '!' }), delta({}, 'stop')];
    const raw = `: wait\r\n\r\n${events.map((one) => `data: ${JSON.stringify(one)}\r\n\r\n`).join('')}`;
    expect((await answerTo({ raw })).content).toBe('Hi!');
  });

  test('that splits an emoji over two chunks and sends NUL', async () => {
    const chunks = [
      delta({ content: '\ud83d' }),
      delta({ content: '\ude42\u0000' }),
      delta({}, 'stop'),
    ];
    expect((await answerTo({ chunks })).content).toBe('🙂');
  });

  test('that sends nothing more after it has finished', async () => {
    const bytes = streamOf({ content: 'Hello', usage: null });
    const server = await startOpenAiServer([
      { content: 'Hello', usage: null, stall: bytes.indexOf('data: [DONE]') },
    ]);
    open.push(server);
    const limits = { between_chunks_ms: 50 };
    const provider = openaiProvider({ env: { baseUrl: server.url }, limits });
    const answer = answerOf(
      await provider.generate(modelRequest('Hi'), { signal: unabortedSignal() }),
    );
    expect(answer.content).toBe('Hello');
  });
});

test('an abort before the first byte is cancelled, and the server sees the connection close', async () => {
  const controller = new AbortController();
  let left: Promise<unknown> | undefined;
  const provider = await startProvider((request) => {
    left = request.left;
    controller.abort();
    return { stall: 'before_headers' };
  });
  const outcome = await provider.generate(modelRequest('Hi'), { signal: controller.signal });
  expect(errorOf(outcome)).toMatchObject({ code: 'cancelled', retryable: false });
  await left;
});

test('answers 200 conversations of 10 calls each at once', async () => {
  const provider = await startProvider(({ body }) => ({ content: `answer ${body.seed}` }));
  const conversation = async (run: number) => {
    for (let step = 0; step < 10; step++) {
      const request = modelRequest('Hi');
      request.model.request_params = { seed: run * 10 + step };
      const answer = answerOf(await provider.generate(request, { signal: unabortedSignal() }));
      expect(answer.content).toBe(`answer ${run * 10 + step}`);
    }
  };
  await Promise.all(Array.from({ length: 200 }, (_, run) => conversation(run)));
});
