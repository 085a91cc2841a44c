import { afterAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/json/json.ts';
import { aiSdkProvider } from '../../../src/providers/ai-sdk.ts';
import { modelRef, modelRequest, orderStatus, unabortedSignal } from '../requests.ts';
import { type SdkVendorName, sdkVendor } from './sdk-vendors.ts';
import { startVendorServer, type VendorServer } from './vendor-server.ts';
import type { WireFormat } from './wire-formats.ts';

// Answers that break off: in the arguments of a call at the token limit, or by an error after some
// of the usage has arrived.

const servers: VendorServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.close())));

/** Calls a vendor that streams these events and ends. */
async function receive(name: SdkVendorName, format: WireFormat, events: readonly JsonObject[]) {
  const raw = events
    .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    .join('');
  const headers = { 'content-type': 'text/event-stream' };
  const server = await startVendorServer(format, () => ({ status: 200, headers, raw }));
  servers.push(server);
  const model = modelRef({ provider: name, model: 'm', base_url: server.url, secret_name: 's' });
  return aiSdkProvider({ vendor: sdkVendor(name) }).generate(
    modelRequest('Hello', { model, tools: [orderStatus] }),
    { signal: unabortedSignal(), key: 'sk-1234567890abcdef' },
  );
}

const usage = {
  input_tokens: 300,
  cache_read_input_tokens: 500,
  cache_creation_input_tokens: 40,
  output_tokens: 1,
};
const start = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [],
    stop_reason: null,
    usage,
  },
};
const toolUse = (partial_json: string): JsonObject[] => [
  {
    type: 'content_block_start',
    index: 0,
    content_block: { type: 'tool_use', id: 'toolu_1', name: 'order_status', input: {} },
  },
  ...(partial_json === ''
    ? []
    : [
        {
          type: 'content_block_delta',
          index: 0,
          delta: { type: 'input_json_delta', partial_json },
        },
      ]),
];
const end = (stop_reason: string): JsonObject[] => [
  { type: 'message_delta', delta: { stop_reason }, usage: { output_tokens: 20 } },
  { type: 'message_stop' },
];

describe('a call of Anthropic that is never closed at the token limit', () => {
  test.each([
    ['without arguments', 'max_tokens', ''],
    ['in its arguments', 'max_tokens', '{"order_id": "A-1'],
    ['with whole arguments', 'max_tokens', '{"order_id": "A-1"}'],
    ['in its arguments, at the end of the context', 'model_context_window_exceeded', '{"or'],
  ])('%s, is a call that was cut off', async (_, reason, text) => {
    const outcome = await receive('anthropic', 'anthropic', [
      start,
      ...toolUse(text),
      ...end(reason),
    ]);
    expect(outcome).toMatchObject({
      ok: true,
      value: { finish_reason: 'length', tool_calls: [], cut_calls: ['order_status'] },
    });
  });

  test('is no call of an answer that claims to be whole', async () => {
    const outcome = await receive('anthropic', 'anthropic', [
      start,
      ...toolUse('{"order_id": "A-1'),
      ...end('tool_use'),
    ]);
    expect(outcome).toMatchObject({
      ok: true,
      value: { finish_reason: 'tool_calls', tool_calls: [] },
    });
  });
});

test('a call of Cohere that is never closed at the token limit is a call that was cut off', async () => {
  const outcome = await receive('cohere', 'cohere', [
    { type: 'message-start', id: 'm1', delta: { message: { role: 'assistant' } } },
    {
      type: 'tool-call-start',
      index: 0,
      delta: {
        message: {
          tool_calls: {
            id: 'c1',
            type: 'function',
            function: { name: 'order_status', arguments: '{"ord' },
          },
        },
      },
    },
    {
      type: 'message-end',
      delta: {
        finish_reason: 'MAX_TOKENS',
        usage: { tokens: { input_tokens: 9, output_tokens: 4 } },
      },
    },
  ]);
  expect(outcome).toMatchObject({
    ok: true,
    value: { finish_reason: 'length', tool_calls: [], cut_calls: ['order_status'] },
  });
});

describe('the usage that has arrived is kept', () => {
  const text = [
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hel' } },
  ];
  const counted = { tokens_in: 840, tokens_out: 1, cached_tokens: 500, cache_write_tokens: 40 };

  test('of an answer of Anthropic that an error ends', async () => {
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    const outcome = await receive('anthropic', 'anthropic', [start, ...text, error]);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'overloaded' }, usage: counted });
  });

  test('of an answer of Anthropic whose stream ends in its middle', async () => {
    const outcome = await receive('anthropic', 'anthropic', [start, ...text]);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'bad_answer' }, usage: counted });
  });

  test('once, of an answer of Anthropic that ends', async () => {
    const outcome = await receive('anthropic', 'anthropic', [
      start,
      ...text,
      { type: 'content_block_stop', index: 0 },
      ...end('end_turn'),
    ]);
    expect(outcome).toMatchObject({ ok: true, value: { usage: { ...counted, tokens_out: 20 } } });
  });

  test('of an answer of Google that ends without a reason', async () => {
    const outcome = await receive('google', 'google', [
      {
        candidates: [{ content: { role: 'model', parts: [{ text: 'Hel' }] } }],
        usageMetadata: {
          promptTokenCount: 100,
          candidatesTokenCount: 3,
          thoughtsTokenCount: 7,
          totalTokenCount: 110,
        },
      },
    ]);
    expect(outcome).toMatchObject({
      ok: false,
      usage: { tokens_in: 100, tokens_out: 10, reasoning_tokens: 7 },
    });
  });

  test('of an answer of xAI that the vendor fails', async () => {
    const response = {
      id: 'r1',
      object: 'response',
      model: 'm',
      created_at: 0,
      output: [],
      status: 'failed',
    };
    const outcome = await receive('xai', 'responses', [
      { type: 'response.created', response: { ...response, status: 'in_progress', usage: null } },
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: { type: 'message', id: 'i1', role: 'assistant', content: [], status: 'in_progress' },
      },
      {
        type: 'response.output_text.delta',
        item_id: 'i1',
        output_index: 0,
        content_index: 0,
        delta: 'Hel',
      },
      {
        type: 'response.failed',
        response: {
          ...response,
          error: { code: 'server_error', message: 'Try again' },
          usage: { input_tokens: 50, output_tokens: 5, total_tokens: 55 },
        },
      },
    ]);
    expect(outcome).toMatchObject({ ok: false, usage: { tokens_in: 50, tokens_out: 5 } });
  });
});
