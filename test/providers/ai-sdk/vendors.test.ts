import { afterAll, describe, expect, test } from 'vitest';
import type { ModelRef, ModelRequest } from '../../../src/contracts/agents/model.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { aiSdkProvider } from '../../../src/providers/ai-sdk.ts';
import { VENDOR_FINISH_REASONS } from '../../../src/providers/answers/finish-reasons.ts';
import {
  answerOf,
  errorOf,
  modelRef,
  modelRequest,
  orderStatus,
  toolRound,
  unabortedSignal,
} from '../requests.ts';
import { SDK_VENDORS, type SdkVendorName, sdkVendor } from './sdk-vendors.ts';
import { startVendorServer, type VendorReply } from './vendor-server.ts';
import { USAGE } from './wire-formats.ts';

/** The reply to the next request, set by each test. */
let reply: VendorReply = { words: [] };

const servers = new Map(
  await Promise.all(
    Object.entries(SDK_VENDORS).map(
      async ([name, format]) =>
        [name as SdkVendorName, await startVendorServer(format, () => reply)] as const,
    ),
  ),
);
afterAll(() => Promise.all([...servers.values()].map((server) => server.close())));

const KEY = 'sk-vendor-1234567890abcdef';

/** Calls a vendor once. Returns the outcome and the request that the vendor received. */
async function call(
  name: SdkVendorName,
  answer: VendorReply,
  request: Partial<ModelRequest> & { messages?: ModelRequest['messages'] } = {},
  model: Partial<ModelRef> = {},
) {
  const server = servers.get(name);
  if (!server) throw new Error(name);
  reply = answer;
  server.requests.length = 0;
  const provider = aiSdkProvider({ vendor: sdkVendor(name) });
  const row = modelRef({
    provider: name,
    model: 'some-model',
    base_url: server.url,
    secret_name: 'vendor',
    ...model,
  });
  const { messages, ...rest } = request;
  const sent = modelRequest(messages ?? 'Hello', { ...rest, model: row });
  const outcome = await provider.generate(sent, { signal: unabortedSignal(), key: KEY });
  return { outcome, received: server.requests[0] };
}

const names = [...servers.keys()];
/** Vendors whose packages do not report cached tokens for streams. */
const UNCACHED: ReadonlySet<SdkVendorName> = new Set(['cohere']);
const bodyOf = ({ received }: Awaited<ReturnType<typeof call>>): JsonObject => received?.body ?? {};

describe.each(names)('%s', (name) => {
  test('sends the secret of the model, and no header of the environment', async () => {
    const { outcome, received } = await call(name, { words: ['Hi'] });
    answerOf(outcome);
    expect(JSON.stringify(received?.headers)).toContain(KEY);
    expect(received?.headers['user-agent']).toBe('howdah');
  });

  test('counts cached tokens as a part of the input', async () => {
    const answer = answerOf((await call(name, { words: ['Hi', ' there'] })).outcome);
    expect(answer.usage).toMatchObject({ tokens_in: 100, tokens_out: 20 });
    expect(answer.usage.cached_tokens).toBe(UNCACHED.has(name) ? undefined : USAGE.cached_tokens);
  });

  test('makes parallel calls with ids of their own', async () => {
    const calls = ['A-1', 'A-2'].map((order_id) => ({
      name: 'order_status',
      arguments: { order_id },
    }));
    const answer = answerOf((await call(name, { calls }, { tools: [orderStatus] })).outcome);
    expect(answer.finish_reason).toBe('tool_calls');
    expect(answer.tool_calls.map((one) => JSON.parse(one.arguments))).toEqual([
      { order_id: 'A-1' },
      { order_id: 'A-2' },
    ]);
    expect(new Set(answer.tool_calls.map(({ id }) => id)).size).toBe(2);
  });

  test('asks for structured output, and limits the answer', async () => {
    const output_schema = { type: 'object', properties: { carrier: { type: 'string' } } };
    const sent = JSON.stringify(bodyOf(await call(name, { words: ['{}'] }, { output_schema })));
    expect(sent).toContain('carrier');
    expect(sent).toMatch(/"(max_?tokens|max_output_tokens|maxOutputTokens|maxTokens)":8192/i);
  });

  test('passes parameters that it does not know to the body, and no setting', async () => {
    const request_params = { own_option: { deep: 1 }, region: 'eu-west-1', max_tokens: 77 };
    const sent = bodyOf(await call(name, { words: ['Hi'] }, {}, { request_params }));
    expect(sent.own_option).toEqual({ deep: 1 });
    expect(sent).not.toHaveProperty('region');
    expect(JSON.stringify(sent)).toContain('77');
  });

  test.each([
    [401, 'unauthorized', false],
    [404, 'not_found', false],
    [400, 'invalid_request', false],
    [408, 'timeout', true],
    [409, 'overloaded', true],
    [413, 'context_too_long', false],
    [429, 'rate_limited', true],
    [500, 'overloaded', true],
    [529, 'overloaded', true],
    [302, 'invalid_request', false],
  ])('answers %i: %s', async (status, code, retryable) => {
    const raw = JSON.stringify({ error: { message: `no, ${KEY} is wrong` }, message: 'no' });
    const headers = { 'retry-after': '7', location: 'http://127.0.0.1:1/elsewhere' };
    const error = errorOf((await call(name, { status, headers, raw })).outcome);
    expect(error).toMatchObject({ code, retryable });
    if (status === 429 || status === 500) expect(error.retry_after_ms).toBe(7_000);
    expect(JSON.stringify(error)).not.toContain(KEY);
    expect(JSON.stringify(error)).not.toContain('Hello');
  });

  test('an answer that is cut off is a bad answer', async () => {
    const { outcome } = await call(name, { words: ['Hi', ' there'], isCut: true });
    expect(errorOf(outcome)).toMatchObject({ code: 'bad_answer', retryable: true });
  });

  test('a web page in place of an answer is a bad answer', async () => {
    const headers = { 'content-type': 'text/html' };
    const { outcome } = await call(name, { status: 200, headers, raw: '<html>Sign in</html>' });
    expect(errorOf(outcome).code).toBe('bad_answer');
  });

  test('receives the image of a user as inline data, and never as an address', async () => {
    const image = (url: string) => [{ type: 'image_url', image_url: { url } }];
    const data = 'iVBORw0KGgo=';
    const user = { role: 'user', content: 'What is this?' } as const;
    const inline = [{ ...user, parts: image(`data:image/png;base64,${data}`) }];
    if (name !== 'deepseek') {
      const { received } = await call(name, { words: ['A cat'] }, { messages: inline });
      expect(JSON.stringify(received?.body)).toContain(data);
    }
    const linked = [{ ...user, parts: image('https://example.com/cat.png') }];
    const { outcome, received } = await call(name, { words: ['A cat'] }, { messages: linked });
    expect(errorOf(outcome).code).toBe('invalid_request');
    expect(received).toBeUndefined();
  });
});

test.each(['anthropic', 'google', 'amazon-bedrock'] as const)(
  '%s: an answer that the vendor withholds is reported as such',
  async (name) => {
    const { outcome } = await call(name, { words: ['Hi'], isFiltered: true });
    const reason = name === 'anthropic' ? 'refusal' : 'content_filter';
    expect(answerOf(outcome).finish_reason).toBe(reason);
  },
);

/** Vendors with formats of their own, by their names here and in the table of finish reasons. */
const OWN_REASONS = [
  ['anthropic', 'Anthropic'],
  ['amazon-bedrock', 'Bedrock'],
  ['cohere', 'Cohere'],
  ['google', 'Google'],
] as const;
const ownReasons = OWN_REASONS.flatMap(([name, title]) =>
  VENDOR_FINISH_REASONS.filter(({ vendors }) => vendors.split(', ').includes(title))
    .filter(({ meaning }) => meaning !== 'tool_calls' && meaning !== 'pause')
    .map(({ value, meaning }) => ({ name, value, meaning })),
);

test.each(ownReasons)('$name ends with $value: $meaning', async ({ name, value, meaning }) => {
  const finish = ['cohere', 'google'].includes(name) ? value.toUpperCase() : value;
  const { outcome } = await call(name, { words: ['Hi'], finish });
  if (meaning === 'error') {
    expect(errorOf(outcome)).toMatchObject({ code: 'bad_answer', retryable: true });
  } else {
    expect(answerOf(outcome).finish_reason).toBe(meaning);
  }
});

describe.each(['azure', 'xai'] as const)('%s, whose answers are responses', (name) => {
  test('is told to store nothing', async () => {
    const sent = bodyOf(await call(name, { words: ['Hi'] }));
    expect(sent).toMatchObject({ store: false });
  });

  test('gets its reasoning back as it was encrypted', async () => {
    const thought = { text: 'The order is A-1001.', signature: 'gAAAAABo+/=' };
    const calls = [{ name: 'order_status', arguments: { order_id: 'A-1001' } }];
    const request_params = { reasoning_effort: 'medium' };
    const first = await call(name, { thought, calls }, {}, { request_params });
    const { parts, tool_calls } = answerOf(first.outcome);
    expect(parts).toMatchObject([{ type: 'reasoning', vendor: name, text: thought.text }]);
    expect(bodyOf(first)).toMatchObject({
      include: ['reasoning.encrypted_content'],
      reasoning: { effort: 'medium' },
    });
    const messages: ModelRequest['messages'] = [
      { role: 'user', content: 'Where is A-1001?' },
      { role: 'assistant', content: null, tool_calls, parts: JSON.parse(JSON.stringify(parts)) },
      { role: 'tool', content: 'shipped', tool_call_id: tool_calls[0]?.id ?? '' },
    ];
    const second = await call(name, { words: ['Shipped'] }, { messages }, { request_params });
    const sent = JSON.stringify(bodyOf(second).input);
    expect(sent).toContain(JSON.stringify(thought.signature));
    expect(sent).not.toContain('item_reference');
    expect(sent).toContain('shipped');
  });
});

test('Azure gets a schema of an agent as it is, and not in the strict form of OpenAI', async () => {
  const output_schema = { type: 'object', properties: { carrier: { type: 'string' } } };
  const sent = bodyOf(await call('azure', { words: ['{}'] }, { output_schema }));
  expect(sent.text).toMatchObject({ format: { strict: false, schema: output_schema } });
});

test.each([
  [
    'eu.anthropic.claude-sonnet-5-v1:0',
    { thinking: { type: 'adaptive', display: 'summarized' }, output_config: { effort: 'medium' } },
  ],
  [
    'anthropic.claude-sonnet-4-5-20250929-v1:0',
    { thinking: { type: 'enabled', budget_tokens: 8_192 } },
  ],
  ['amazon.nova-2-lite-v1:0', { reasoningConfig: { maxReasoningEffort: 'medium' } }],
  ['openai.gpt-oss-120b-1:0', { reasoning_effort: 'medium' }],
])('Bedrock is told the effort of %s in its own way', async (model, fields) => {
  const row = { model, request_params: { reasoning_effort: 'medium' } };
  const sent = await call('amazon-bedrock', { words: ['Hi'] }, {}, row);
  expect(bodyOf(sent)).toMatchObject({ additionalModelRequestFields: fields });
  expect(answerOf(sent.outcome).warnings).toBeUndefined();
});

describe('Bedrock', () => {
  const messages = [
    { role: 'system', content: 'Be brief.' } as const,
    ...toolRound('Where?', 'order_status', { order_id: 'A-1001' }, 'shipped'),
  ];
  const marksFor = async (model: string, request_params: JsonObject = {}) => {
    const row = { model, request_params };
    const sent = await call(
      'amazon-bedrock',
      { words: ['Hi'] },
      { messages, tools: [orderStatus] },
      row,
    );
    return ['system', 'messages', 'toolConfig'].map(
      (part) => JSON.stringify(bodyOf(sent)[part]).match(/"cachePoint"/g)?.length ?? 0,
    );
  };

  test.each([
    ['eu.anthropic.claude-sonnet-4-5-20250929-v1:0', {}, [1, 2, 0]],
    ['anthropic.claude-3-5-haiku-20241022-v1:0', {}, [1, 2, 0]],
    ['amazon.nova-pro-v1:0', {}, [1, 2, 0]],
    ['amazon.nova-pro-v1:0', { prompt_caching: false }, [0, 0, 0]],
    ['anthropic.claude-3-haiku-20240307-v1:0', {}, [0, 0, 0]],
    ['anthropic.claude-v2:1', {}, [0, 0, 0]],
    ['meta.llama3-1-70b-instruct-v1:0', {}, [0, 0, 0]],
    ['arn:aws:bedrock:eu-west-1:1:application-inference-profile/x', {}, [0, 0, 0]],
    [
      'arn:aws:bedrock:eu-west-1:1:application-inference-profile/x',
      { prompt_caching: true },
      [1, 2, 0],
    ],
  ])('marks what %s may cache, with the parameters %j', async (model, params, marks) => {
    expect(await marksFor(model, params)).toEqual(marks);
  });
});

describe('Anthropic', () => {
  const signature = 'EqQBCkgIARABGAIiQL+/==';

  test('gets its reasoning back byte for byte, and no other vendor gets it', async () => {
    const thought = { text: 'The order is  A-1001.\n', signature };
    const first = await call('anthropic', {
      thought,
      words: ['Looking'],
      calls: [{ name: 'order_status', arguments: { order_id: 'A-1001' } }],
    });
    const answer = answerOf(first.outcome);
    expect(answer.parts).toEqual([
      {
        type: 'reasoning',
        vendor: 'anthropic',
        text: thought.text,
        provider_metadata: { anthropic: { signature } },
      },
    ]);
    const logged = JSON.parse(JSON.stringify(answer));
    const messages: ModelRequest['messages'] = [
      { role: 'user', content: 'Where is A-1001?' },
      { role: 'assistant', ...logged },
      { role: 'tool', content: 'shipped', tool_call_id: logged.tool_calls[0].id },
    ];
    const second = await call('anthropic', { words: ['Shipped'] }, { messages });
    expect(JSON.stringify(bodyOf(second).messages)).toContain(
      JSON.stringify({ type: 'thinking', thinking: thought.text, signature }),
    );
    for (const other of names.filter((one) => one !== 'anthropic')) {
      const { received } = await call(other, { words: ['Shipped'] }, { messages });
      expect(JSON.stringify(received?.body)).not.toContain('The order is');
    }
  });

  test('is told what to cache: at most four marks, none if switched off', async () => {
    const messages = [
      { role: 'system', content: 'Be brief.' } as const,
      ...toolRound('Where?', 'order_status', { order_id: 'A-1001' }, 'shipped'),
    ];
    const request = { messages, tools: [orderStatus] };
    const marks = (body: JsonObject) => JSON.stringify(body).match(/"cache_control"/g)?.length ?? 0;
    const marked = bodyOf(await call('anthropic', { words: ['Hi'] }, request));
    expect(marks(marked)).toBe(4);
    for (const part of ['system', 'tools', 'messages']) {
      expect(marks(marked[part] as JsonObject)).toBeGreaterThan(0);
    }
    const request_params = { prompt_caching: false };
    const plain = await call('anthropic', { words: ['Hi'] }, request, { request_params });
    expect(marks(bodyOf(plain))).toBe(0);
  });

  test.each([
    ['claude-sonnet-4-5', { type: 'enabled', budget_tokens: 2_048 }],
    ['claude-opus-4-1-20250805', { type: 'enabled', budget_tokens: 2_048 }],
    ['claude-sonnet-4-20250514', { type: 'enabled', budget_tokens: 2_048 }],
    ['claude-sonnet-4-6', { type: 'adaptive', display: 'summarized' }],
    ['claude-sonnet-5', { type: 'adaptive', display: 'summarized' }],
    ['claude-opus-5-5', { type: 'adaptive', display: 'summarized' }],
  ])('is told the effort of %s in its own way', async (model, thinking) => {
    const request_params = { reasoning_effort: 'low' };
    const sent = await call('anthropic', { words: ['Hi'] }, {}, { model, request_params });
    expect(bodyOf(sent)).toMatchObject({ thinking, max_tokens: 8_192 + 2_048 });
    const effort = thinking.type === 'adaptive' ? { output_config: { effort: 'low' } } : {};
    expect(bodyOf(sent)).toMatchObject(effort);
    expect(answerOf(sent.outcome).warnings).toBeUndefined();
  });

  test('keeps a budget that is written as a number', async () => {
    const thinking = { type: 'enabled', budget_tokens: 3_000 };
    const row = { model: 'claude-sonnet-5', request_params: { thinking, max_tokens: 1_000 } };
    const sent = bodyOf(await call('anthropic', { words: ['Hi'] }, {}, row));
    expect(sent).toMatchObject({ thinking, max_tokens: 4_000 });
    expect(sent).not.toHaveProperty('output_config');
  });

  test('gets a budget for thinking in tokens, on top of the limit of the answer', async () => {
    const request_params = { thinking: { type: 'enabled', budget_tokens: 2_000 }, max_tokens: 100 };
    const sent = bodyOf(await call('anthropic', { words: ['Hi'] }, {}, { request_params }));
    expect(sent).toMatchObject({
      thinking: { type: 'enabled', budget_tokens: 2_000 },
      max_tokens: 2_100,
    });
  });

  test('offers the tools of the vendor that the model opts into', async () => {
    const request_params = {
      provider_tools: [
        { id: 'anthropic.web_search_20250305', name: 'web_search', args: { maxUses: 2 } },
      ],
    };
    const sent = bodyOf(await call('anthropic', { words: ['Hi'] }, {}, { request_params }));
    expect(sent.tools).toMatchObject([{ type: 'web_search_20250305', name: 'web_search' }]);
    expect(sent).not.toHaveProperty('provider_tools');
  });
});

test('Gemini gets the signature of a call back with the call', async () => {
  const signature = 'EpEgCo4gAb4+9vvWwdN==';
  const calls = [{ name: 'order_status', arguments: { order_id: 'A-1001' }, signature }];
  const answer = answerOf((await call('google', { calls }, { tools: [orderStatus] })).outcome);
  expect(answer.tool_calls[0]?.provider_metadata).toMatchObject({
    google: { thoughtSignature: signature },
  });
  const messages: ModelRequest['messages'] = [
    { role: 'user', content: 'Where is A-1001?' },
    { role: 'assistant', content: null, tool_calls: answer.tool_calls },
    { role: 'tool', content: 'shipped', tool_call_id: answer.tool_calls[0]?.id ?? '' },
  ];
  const sent = bodyOf(await call('google', { words: ['Shipped'] }, { messages }));
  expect(JSON.stringify(sent.contents)).toContain(`"thoughtSignature":"${signature}"`);
});

test('a model with its own address and no secret gets no key, of the environment least of all', async () => {
  for (const [name, server] of servers) {
    reply = { words: ['Hi'] };
    server.requests.length = 0;
    const provider = aiSdkProvider({ vendor: sdkVendor(name), key: KEY });
    const model = modelRef({ provider: name, model: 'm', base_url: server.url });
    answerOf(await provider.generate(modelRequest('Hi', { model }), { signal: unabortedSignal() }));
    const { headers = {} } = server.requests[0] ?? {};
    expect(JSON.stringify(headers)).not.toContain(KEY);
    for (const header of ['authorization', 'x-api-key', 'x-goog-api-key']) {
      expect(headers[header]).toBeUndefined();
    }
  }
});

test.each<[SdkVendorName, JsonObject, string]>([
  ['amazon-bedrock', {}, 'region'],
  ['amazon-bedrock', { region: 'eu.evil/x' }, 'region'],
  ['amazon-bedrock', { region: 'eu.evil' }, 'region'],
  ['google', { contents: [] }, 'contents'],
  ['google', { provider_tools: [{ id: 'x' }] }, 'provider_tools'],
])('%s refuses the parameters %j', async (name, request_params, word) => {
  const provider = aiSdkProvider({ vendor: sdkVendor(name), key: KEY });
  const model = modelRef({ provider: name, request_params });
  const outcome = await provider.generate(modelRequest('Hi', { model }), {
    signal: unabortedSignal(),
  });
  expect(errorOf(outcome).code).toBe('invalid_request');
  expect(errorOf(outcome).message).toContain(word);
});

const LEAVING = [
  ...['../../v1/x?key=', '..', 'a/../../b', '/v1/x', 'a//b', 'x?key=y', 'x#y', 'x\\y', './x'],
  ...['%2e%2e/x', 'x%3fkey=y', 'x\ny', 'x\ty', '', 'a/./b'],
];

describe.each(names)('an id of a model that would change the address of %s', (name) => {
  test('is refused, and no request is sent', async () => {
    for (const model of LEAVING) {
      const { outcome, received } = await call(name, { words: ['Hi'] }, {}, { model });
      expect({ model, error: errorOf(outcome).code, received }).toEqual({
        model,
        error: 'invalid_request',
        received: undefined,
      });
    }
  });
});

test('ids of vendors with slashes, colons and dots are sent as they are', async () => {
  for (const model of ['tunedModels/my-model-1', 'gemini-2.5-flash', 'a:b@2024-01-01']) {
    const { received } = await call('google', { words: ['Hi'] }, {}, { model });
    expect(received?.path).toContain(model);
  }
});
