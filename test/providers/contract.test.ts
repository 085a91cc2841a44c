import { afterAll, describe, expect, test } from 'vitest';
import { type FakeRequest, startOpenAiServer, streamOf } from '../../chaos/load/openai-server.ts';
import type { ModelProvider, ModelRequest } from '../../src/contracts/agents/model.ts';
import { aiSdkProvider } from '../../src/providers/ai-sdk.ts';
import { localProvider } from '../../src/providers/local.ts';
import { openaiProvider } from '../../src/providers/openai.ts';
import { scriptedProvider } from '../../src/providers/scripted.ts';
import { SDK_VENDORS, type SdkVendorName, sdkVendor } from './ai-sdk/sdk-vendors.ts';
import { startVendorServer, type VendorRequest } from './ai-sdk/vendor-server.ts';
import {
  answerOf,
  errorOf,
  modelRef,
  modelRequest,
  orderStatus,
  toolRound,
  unabortedSignal,
} from './requests.ts';

/**
 * The requests that the suite sends to a vendor, one for each situation. All vendors must meet the
 * same expectations.
 */
type Subject = {
  provider: ModelProvider;
  plain: ModelRequest;
  call: ModelRequest;
  roundTrip: ModelRequest;
  /** A request whose answer streams at least one token and does not end by itself. */
  slow: ModelRequest;
};

const QUESTION = 'Where is order A-1001?';
const REPLY = 'Order A-1001 is shipped by DHL [order_status]';
const CALL = { name: 'order_status', arguments: { order_id: 'A-1001' } };
const ROUND = toolRound(QUESTION, CALL.name, CALL.arguments, { status: 'shipped', carrier: 'DHL' });

const server = await startOpenAiServer(({ body }: FakeRequest) => {
  const last = (body.messages as { role: string; content: string }[]).at(-1);
  if (last?.role === 'tool') return { content: REPLY };
  if (last?.content === QUESTION) return { tool_calls: [CALL] };
  const slow = { content: 'one two three four' };
  if (last?.content === 'slow') return { ...slow, stall: streamOf(slow).indexOf('four') };
  return { content: 'Hello, how can I help you?' };
});
afterAll(() => server.close());

function openaiSubject(): Subject {
  const tools = [orderStatus];
  return {
    provider: openaiProvider({ env: { baseUrl: server.url } }),
    plain: modelRequest('Hello'),
    call: modelRequest(QUESTION, { tools }),
    roundTrip: modelRequest(ROUND, { tools }),
    slow: modelRequest('slow'),
  };
}

function scriptedSubject(): Subject {
  const scriptedBy = (script: object[]) => ({
    model: modelRef({ provider: 'scripted', request_params: { script: script as never } }),
    tools: [orderStatus],
  });
  const order = scriptedBy([
    { tool_calls: [CALL] },
    { content: REPLY, expect: { last_role: 'tool', last_content_contains: 'DHL' } },
  ]);
  return {
    provider: scriptedProvider(),
    plain: modelRequest('Hello', scriptedBy([{ content: 'Hello, how can I help you?' }])),
    call: modelRequest(QUESTION, order),
    roundTrip: modelRequest(ROUND, order),
    slow: modelRequest('Hello', scriptedBy([{ content: 'one two three four' }])),
  };
}

function localSubject(): Subject {
  const tools = [orderStatus];
  return {
    provider: localProvider(),
    plain: modelRequest('Hello', { tools }),
    call: modelRequest(QUESTION, { tools }),
    roundTrip: modelRequest(ROUND, { tools }),
    slow: modelRequest('Hello', { tools }),
  };
}

/** Returns the reply to a request of the suite, in the format of any vendor. */
function replyOf({ last }: VendorRequest) {
  const words = (text: string) => ({ words: text.match(/\s*\S+/g) ?? [] });
  if (last.includes('carrier')) return words(REPLY);
  if (last.includes(QUESTION)) return { calls: [CALL] };
  if (last.includes('slow')) return { ...words('one two three four'), stallAfter: 4 };
  return words('Hello, how can I help you?');
}

const sdkServers = await Promise.all(
  Object.entries(SDK_VENDORS).map(async ([name, format]) => ({
    name: name as SdkVendorName,
    server: await startVendorServer(format, replyOf),
  })),
);
afterAll(() => Promise.all(sdkServers.map(({ server: one }) => one.close())));

function sdkSubject(name: SdkVendorName, base_url: string): Subject {
  const model = modelRef({ provider: name, model: 'some-model', base_url });
  const tools = [orderStatus];
  return {
    provider: aiSdkProvider({ vendor: sdkVendor(name) }),
    plain: modelRequest('Hello', { model }),
    call: modelRequest(QUESTION, { model, tools }),
    roundTrip: modelRequest(ROUND, { model, tools }),
    slow: modelRequest('slow', { model }),
  };
}

const sdkSubjects = Object.fromEntries(
  sdkServers.map(({ name, server: { url } }) => [name, () => sdkSubject(name, url)]),
);

const subjects: Record<string, () => Subject> = {
  ...sdkSubjects,
  openai: openaiSubject,
  scripted: scriptedSubject,
  local: localSubject,
};

describe.each(Object.entries(subjects))('the provider %s', (name, subject) => {
  const { provider, plain, call, roundTrip, slow } = subject();

  test('has its own name', () => expect(provider.name).toBe(name));

  test('answers with text, with usage in whole tokens', async () => {
    const answer = answerOf(await provider.generate(plain, { signal: unabortedSignal() }));
    expect(answer.content).not.toBe('');
    expect(answer).toMatchObject({ tool_calls: [], finish_reason: 'stop' });
    for (const tokens of [answer.usage.tokens_in, answer.usage.tokens_out]) {
      expect(Number.isSafeInteger(tokens) && tokens >= 0).toBe(true);
    }
  });

  test('streams tokens that concatenate to the content', async () => {
    const tokens: string[] = [];
    const onToken = (text: string) => tokens.push(text);
    const answer = answerOf(await provider.generate(plain, { signal: unabortedSignal(), onToken }));
    expect(tokens.length).toBeGreaterThan(1);
    expect(tokens.join('')).toBe(answer.content);
  });

  test('calls a tool with JSON arguments and an id', async () => {
    const answer = answerOf(await provider.generate(call, { signal: unabortedSignal() }));
    expect(answer.finish_reason).toBe('tool_calls');
    expect(answer.tool_calls.map((one) => one.name)).toEqual(['order_status']);
    expect(JSON.parse(answer.tool_calls[0]?.arguments ?? '')).toEqual(CALL.arguments);
    expect(answer.tool_calls[0]?.id).not.toBe('');
  });

  test('answers from a tool result', async () => {
    const answer = answerOf(await provider.generate(roundTrip, { signal: unabortedSignal() }));
    expect(answer.tool_calls).toEqual([]);
    expect(answer.content).toContain('DHL');
  });

  test('ends at once as cancelled when the signal fires during the answer', async () => {
    const controller = new AbortController();
    const onToken = () => controller.abort();
    const outcome = await provider.generate(slow, { signal: controller.signal, onToken });
    expect(errorOf(outcome)).toMatchObject({ code: 'cancelled', retryable: false });
  });

  test('does nothing when the signal has already fired', async () => {
    const outcome = await provider.generate(plain, { signal: AbortSignal.abort() });
    expect(errorOf(outcome).code).toBe('cancelled');
  });

  test('accepts a listener that throws, and the same request twice', async () => {
    const before = structuredClone(plain);
    const onToken = () => {
      throw new Error('a listener broke');
    };
    const first = answerOf(await provider.generate(plain, { signal: unabortedSignal(), onToken }));
    const second = answerOf(await provider.generate(plain, { signal: unabortedSignal() }));
    expect(second).toEqual(first);
    expect(plain).toEqual(before);
  });

  test.each([
    ['no messages', modelRequest([])],
    ['an empty message', modelRequest('')],
    [
      'a tool without parameters',
      modelRequest('x', { tools: [{ name: 'x', description: '', parameters: {} }] }),
    ],
    ['an invalid schema', modelRequest('x', { output_schema: { type: 7, properties: [] } })],
    ['unusual characters', modelRequest('\u0000 \ud800 🙂')],
    ['a result without a call', modelRequest([{ role: 'tool', content: '{', tool_call_id: 'x' }])],
  ])('never throws: %s', async (_, odd) => {
    const outcome = await provider.generate(odd, { signal: unabortedSignal() });
    expect(typeof outcome.ok).toBe('boolean');
  });
});
