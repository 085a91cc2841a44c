import { afterAll, expect, test } from 'vitest';
import type { ModelAnswer } from '../../../src/contracts/agents/model.ts';
import type { Message } from '../../../src/contracts/runs/message.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { aiSdkProvider } from '../../../src/providers/ai-sdk.ts';
import { answerOf, errorOf, modelRef, modelRequest, unabortedSignal } from '../requests.ts';
import { sdkVendor } from './sdk-vendors.ts';
import { startVendorServer, type VendorReply } from './vendor-server.ts';

const SEARCH = { query: 'howdah', url: 'https://news.example/1' };
const REPLY = { search: SEARCH, words: ['It is', ' released.'] };
const PROVIDER_TOOLS = [{ id: 'anthropic.web_search_20250305', name: 'web_search', args: {} }];

let reply: VendorReply = REPLY;
const servers = {
  anthropic: await startVendorServer('anthropic', () => reply),
  google: await startVendorServer('google', () => reply),
};
afterAll(() => Promise.all(Object.values(servers).map((server) => server.close())));

/** Sends messages to a vendor. Returns the answer and the body that the vendor received. */
async function send(
  vendor: keyof typeof servers,
  answer: VendorReply,
  messages: Message[],
  request_params: JsonObject = {},
) {
  reply = answer;
  const server = servers[vendor];
  server.requests.length = 0;
  const model = modelRef({ provider: vendor, base_url: server.url, request_params });
  const provider = aiSdkProvider({ vendor: sdkVendor(vendor) });
  const outcome = await provider.generate(modelRequest(messages, { model }), {
    signal: unabortedSignal(),
  });
  return { answer: answerOf(outcome), body: server.requests[0]?.body ?? {} };
}

const QUESTION: Message = { role: 'user', content: 'What is new?' };
const MORE: Message = { role: 'user', content: 'More.' };
const search = async () =>
  (await send('anthropic', REPLY, [QUESTION], { provider_tools: PROVIDER_TOOLS })).answer;
const messageOf = ({ content, parts }: ModelAnswer): Message => ({
  role: 'assistant',
  content,
  parts: JSON.parse(JSON.stringify(parts ?? [])),
});
const contentSent = async (message: Message) => {
  const params = { provider_tools: PROVIDER_TOOLS, prompt_caching: false };
  const { body } = await send('anthropic', REPLY, [QUESTION, message, MORE], params);
  return (body.messages as { content: JsonObject[] }[])[1]?.content ?? [];
};

test('a search by Anthropic is kept as parts, with the places of the text', async () => {
  const answer = await search();
  expect(answer).toMatchObject({
    content: 'Let me look. It is released.',
    tool_calls: [],
    finish_reason: 'stop',
  });
  expect(answer.parts?.filter(({ type }) => type !== 'citation')).toMatchObject([
    { type: 'text_span', length: 13 },
    {
      type: 'provider_tool_call',
      vendor: 'anthropic',
      name: 'web_search',
      input: '{"query":"howdah"}',
    },
    { type: 'provider_tool_result', name: 'web_search', result: [{ url: SEARCH.url }] },
    { type: 'text_span', length: 15 },
  ]);
  expect(answer.parts).toContainEqual(expect.objectContaining({ type: 'citation' }));
});

test('Anthropic gets its search back in its place', async () => {
  const id = 'srvtoolu_1';
  expect(await contentSent(messageOf(await search()))).toMatchObject([
    { type: 'text', text: 'Let me look. ' },
    { type: 'server_tool_use', id, name: 'web_search', input: { query: 'howdah' } },
    {
      type: 'web_search_tool_result',
      tool_use_id: id,
      content: [{ url: SEARCH.url, encrypted_content: 'EqgfCioIARgBIiQ3YTA==' }],
    },
    { type: 'text', text: 'It is released.' },
  ]);
});

test.each<[string, (message: Message) => Message, string[]]>([
  [
    'a filter dropped the result',
    (message) => ({
      ...message,
      parts: (message.parts ?? []).filter(({ type }) => type !== 'provider_tool_result'),
    }),
    ['text', 'text'],
  ],
  [
    'a filter changed the text',
    (message) => ({ ...message, content: '[redacted]' }),
    ['server_tool_use', 'web_search_tool_result', 'text'],
  ],
])('where %s, what is left goes back', async (_, change, types) => {
  const content = await contentSent(change(messageOf(await search())));
  expect(content.map(({ type }) => type)).toEqual(types);
});

test('a result keeps the escapes in its texts, and no character that cannot be stored', async () => {
  const url = 'https://news.example/\\u0000/\0';
  const answer = { ...REPLY, search: { ...SEARCH, url } };
  const { answer: read } = await send('anthropic', answer, [QUESTION]);
  expect(read.parts?.filter(({ type }) => type === 'provider_tool_result')).toMatchObject([
    { result: [{ url: 'https://news.example/\\u0000/\ufffd' }] },
  ]);
});

test('a result that is far too long is refused', async () => {
  reply = { ...REPLY, search: { ...SEARCH, url: 'x'.repeat(4_000_001) } };
  const model = modelRef({ provider: 'anthropic', base_url: servers.anthropic.url });
  const provider = aiSdkProvider({ vendor: sdkVendor('anthropic') });
  const outcome = await provider.generate(modelRequest([QUESTION], { model }), {
    signal: unabortedSignal(),
  });
  expect(errorOf(outcome)).toMatchObject({
    code: 'bad_answer',
    message: expect.stringContaining('longer'),
  });
});

test('a key in the data of a call is not kept', async () => {
  const key = 'AIza-test-key-4711';
  const calls = ['c2ln', key].map((signature) => ({ name: 'look_up', arguments: {}, signature }));
  reply = { calls };
  const model = modelRef({ provider: 'google', base_url: servers.google.url, secret_name: 'g' });
  const provider = aiSdkProvider({ vendor: sdkVendor('google') });
  const request = modelRequest([QUESTION], { model });
  const answer = answerOf(await provider.generate(request, { signal: unabortedSignal(), key }));
  expect(answer.tool_calls).toMatchObject([{ provider_metadata: {} }, { name: 'look_up' }]);
  expect(JSON.stringify(answer)).not.toContain(key);
});

test('another vendor gets the text of the answer alone', async () => {
  const messages = [QUESTION, messageOf(await search()), MORE];
  const { body } = await send('google', { words: ['Fine.'] }, messages);
  expect(body.contents).toMatchObject([
    {},
    { role: 'model', parts: [{ text: 'Let me look. It is released.' }] },
    {},
  ]);
  expect(JSON.stringify(body)).not.toContain('srvtoolu_1');
});

test('an answer without tools of the vendor has no places of text', async () => {
  const { answer } = await send('anthropic', { words: ['Hi', ' there'] }, [QUESTION]);
  expect(answer).not.toHaveProperty('parts');
});

test('Gemini gets the signature of a text back with the text', async () => {
  const signature = 'EpEgCo4gAb4+9vvWwdN==';
  const { answer } = await send('google', { words: ['It is', ' 2.'], signature }, [QUESTION]);
  expect(answer.parts).toMatchObject([{ type: 'text_span', vendor: 'google', length: 8 }]);
  const { body } = await send('google', { words: ['Ok'] }, [QUESTION, messageOf(answer), MORE]);
  expect(body.contents).toMatchObject([
    {},
    { role: 'model', parts: [{ text: 'It is 2.', thoughtSignature: signature }] },
    {},
  ]);
});
