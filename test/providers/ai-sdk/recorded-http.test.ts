import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { ModelAnswer } from '../../../src/contracts/agents/model.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { aiSdkProvider } from '../../../src/providers/ai-sdk.ts';
import { answerOf, errorOf, modelRef, modelRequest, unabortedSignal } from '../requests.ts';
import { sdkVendor } from './sdk-vendors.ts';
import { startVendorServer, type VendorReply } from './vendor-server.ts';

/** Folder with recorded HTTP of real vendors, stored outside of this repository. */
const assets = process.env.HOWDAH_TEST_ASSETS ?? '';
const file = join(assets, 'recorded-llm-http', 'cassettes.jsonl');
const isThere = assets !== '' && existsSync(file);
if (!isThere) console.log('recorded HTTP of vendors: skipped, HOWDAH_TEST_ASSETS is not set');

type Interaction = {
  host: string;
  path: string;
  status: number;
  response?: JsonObject;
  response_text?: string;
};
type Block = JsonObject & { type: string };

const VENDORS: Readonly<Record<string, string>> = {
  'api.anthropic.com': 'anthropic',
  'api.mistral.ai': 'mistral',
  'api.groq.com': 'groq',
  'api.deepseek.com': 'deepseek',
};

const recorded = (isThere ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []).flatMap(
  (line) => {
    const { id, interactions } = JSON.parse(line) as { id: string; interactions: Interaction[] };
    return interactions.flatMap((one, at): [string, string, Interaction][] => {
      const vendor = VENDORS[one.host];
      const isChat = /\/(messages|chat\/completions)$/.test(one.path);
      return vendor && isChat ? [[vendor, `${id}/${at}`, one]] : [];
    });
  },
);

/** Returns the events of a stream for a message of Anthropic that was recorded as a whole. */
function anthropicEvents(message: JsonObject): JsonObject[] {
  const { content, stop_reason, usage } = message;
  const blocks = content as Block[];
  return [
    { type: 'message_start', message: { ...message, content: [], stop_reason: null } },
    ...blocks.flatMap((content_block, index): JsonObject[] => [
      { type: 'content_block_start', index, content_block: emptyBlock(content_block) },
      ...deltasOf(content_block).map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ]),
    { type: 'message_delta', delta: { stop_reason: stop_reason ?? null }, usage: usage ?? {} },
    { type: 'message_stop' },
  ];
}

function emptyBlock(block: Block): Block {
  if (block.type === 'text') return { type: 'text', text: '' };
  if (block.type === 'thinking') return { ...block, thinking: '', signature: '' };
  return /^(server_)?tool_use$/.test(block.type) ? { ...block, input: {} } : block;
}

function deltasOf({ type, text, thinking, signature, input }: Block): JsonObject[] {
  if (type === 'text') return [{ type: 'text_delta', text: text ?? '' }];
  if (/^(server_)?tool_use$/.test(type)) {
    return [{ type: 'input_json_delta', partial_json: JSON.stringify(input) }];
  }
  if (type !== 'thinking') return [];
  return [
    { type: 'thinking_delta', thinking: thinking ?? '' },
    { type: 'signature_delta', signature: signature ?? '' },
  ];
}

/** Returns the chunks of a stream for a chat completion that was recorded as a whole. */
function chatChunks({ choices, usage, ...head }: JsonObject): JsonObject[] {
  const [{ message, finish_reason } = {}] = choices as JsonObject[];
  const { tool_calls, ...text } = message as JsonObject & { tool_calls?: JsonObject[] };
  const calls = (tool_calls ?? []).map((call, index) => ({ index, ...call }));
  const delta = { ...text, ...(calls.length > 0 && { tool_calls: calls }) };
  const chunk = { ...head, object: 'chat.completion.chunk' };
  const last = {
    ...chunk,
    choices: [{ index: 0, delta: {}, finish_reason: finish_reason ?? null }],
  };
  return [
    { ...chunk, choices: [{ index: 0, delta, finish_reason: null }] },
    { ...last, usage: usage ?? null, x_groq: { id: 'req', usage: usage ?? null } },
  ];
}

function replyOf(vendor: string, { status, response, response_text }: Interaction): VendorReply {
  const headers = { 'content-type': 'text/event-stream' };
  if (response_text !== undefined) return { status, headers, raw: response_text };
  if (status !== 200) return { status, raw: JSON.stringify(response) };
  const whole = response as JsonObject;
  const events = vendor === 'anthropic' ? anthropicEvents(whole) : chatChunks(whole);
  const raw = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  return { status, headers, raw: vendor === 'anthropic' ? raw : `${raw}data: [DONE]\n\n` };
}

let reply: VendorReply = { words: [] };
const server = await startVendorServer('openai', () => reply);
afterAll(() => server.close());

async function ask(
  vendor: string,
  answer: VendorReply,
  messages: Parameters<typeof modelRequest>[0],
) {
  reply = answer;
  server.requests.length = 0;
  const model = modelRef({ provider: vendor, model: 'some-model', base_url: server.url });
  const provider = aiSdkProvider({ vendor: sdkVendor(vendor) });
  const outcome = await provider.generate(modelRequest(messages, { model }), {
    signal: unabortedSignal(),
  });
  return { outcome, body: server.requests[0]?.body ?? {} };
}

const textOf = (blocks: Block[]) =>
  blocks.flatMap((block) => (block.type === 'text' ? [String(block.text)] : [])).join('');

/** Asserts that an answer contains the content of the recorded message. */
function expectSame(vendor: string, found: ModelAnswer, response: JsonObject): void {
  if (vendor !== 'anthropic') {
    const [{ message }] = response.choices as [{ message: JsonObject & { tool_calls?: [] } }];
    expect(found.tool_calls).toHaveLength(message.tool_calls?.length ?? 0);
    if (typeof message.content === 'string') expect(found.content ?? '').toBe(message.content);
    return;
  }
  const blocks = response.content as Block[];
  const ofType = (type: RegExp) => blocks.filter((block) => type.test(block.type));
  expect(found.content ?? '').toBe(textOf(blocks));
  expect(found.tool_calls.map(({ name, arguments: args }) => [name, JSON.parse(args)])).toEqual(
    ofType(/^tool_use$/).map(({ name, input }) => [name, input]),
  );
  const kinds = (found.parts ?? []).map(({ type }) => type);
  const count = (kind: string) => kinds.filter((one) => one === kind).length;
  expect(count('reasoning')).toBe(ofType(/thinking$/).length);
  expect(count('provider_tool_call')).toBe(ofType(/^(server|mcp)_tool_use$/).length);
  expect(count('provider_tool_result')).toBe(ofType(/_tool_result$/).length);
}

describe.skipIf(!isThere)('recorded HTTP of vendors', () => {
  test('exists for several vendors', () => {
    expect(new Set(recorded.map(([vendor]) => vendor)).size).toBe(4);
    expect(recorded.length).toBeGreaterThan(100);
  });

  test.each(recorded)('%s: %s', async (vendor, _, interaction) => {
    const answer = replyOf(vendor, interaction);
    const { outcome } = await ask(vendor, answer, 'Hi');
    if (interaction.status !== 200) {
      // the model wrote a call that its server could not read: another attempt may succeed
      const isUnreadable = JSON.stringify(interaction).includes('tool_use_failed');
      expect(errorOf(outcome).retryable).toBe(interaction.status === 429 || isUnreadable);
      return;
    }
    const found = answerOf(outcome);
    expect(found.usage.tokens_in).toBeGreaterThan(0);
    for (const call of found.tool_calls) expect(JSON.parse(call.arguments)).toBeTypeOf('object');
    const { response } = interaction;
    if (response !== undefined) expectSame(vendor, found, response);
  });

  const thinking = recorded.filter(([, , { response }]) =>
    (response?.content as Block[] | undefined)?.some?.(({ type }) => /thinking$/.test(type)),
  );
  test.each(thinking)('%s gets its thinking of %s back byte for byte', async (vendor, _, one) => {
    const { content, parts, tool_calls } = answerOf(
      (await ask(vendor, replyOf(vendor, one), 'Hi')).outcome,
    );
    const logged = JSON.parse(JSON.stringify({ role: 'assistant', content, parts, tool_calls }));
    const results = tool_calls.map(({ id }) => ({
      ...{ role: 'tool' as const, content: 'done', tool_call_id: id },
    }));
    const messages = [{ role: 'user' as const, content: 'Hi' }, logged, ...results];
    const next = results.length > 0 ? [] : [{ role: 'user' as const, content: 'More.' }];
    const { body } = await ask(vendor, { words: ['Hi'] }, [...messages, ...next]);
    const [, sent] = body.messages as { content: Block[] }[];
    const isThinking = ({ type }: Block) => /thinking$/.test(type);
    expect(sent?.content.filter(isThinking)).toEqual(
      (one.response?.content as Block[] | undefined)?.filter(isThinking),
    );
  });
});
