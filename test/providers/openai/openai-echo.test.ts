import { afterAll, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeRequest,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import { openaiProvider } from '../../../src/providers/openai.ts';
import { answerOf, modelRequest, unabortedSignal } from '../requests.ts';

// A server that repeats the received key within a successful answer.

const KEY = 'sk-echo-0123456789-abcdef';
const open: FakeServer[] = [];
afterAll(() => Promise.all(open.map((server) => server.close())));

const keyOf = ({ headers }: FakeRequest) => headers.authorization?.replace('Bearer ', '') ?? '';
const piece = (content: string, finish_reason: string | null = null) =>
  ({ choices: [{ index: 0, delta: { content }, finish_reason }] }) as never;

async function answerTo(say: (key: string) => FakeAnswer, key = KEY) {
  const server = await startOpenAiServer((request) => say(keyOf(request)));
  open.push(server);
  const provider = openaiProvider({ env: { baseUrl: server.url, apiKey: key } });
  const streamed: string[] = [];
  const outcome = await provider.generate(modelRequest('Hi'), {
    signal: unabortedSignal(),
    onToken: (text) => streamed.push(text),
  });
  expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${key}`);
  return { answer: answerOf(outcome), streamed: streamed.join('') };
}

test('an API key in the text is redacted in answer and stream', async () => {
  const { answer, streamed } = await answerTo((key) => ({ content: `Yours is ${key}, ${key}!` }));
  expect(answer.content).toBe('Yours is ***, ***!');
  expect(streamed).toBe(answer.content);
});

test('redacts the key wherever a stream splits it, and keeps mere prefixes', async () => {
  const text = `s sk sk-echo- ${KEY.slice(0, -1)} ${KEY}${KEY} sk-echo`;
  const redacted = `s sk sk-echo- ${KEY.slice(0, -1)} ****** sk-echo`;
  for (let at = 0; at <= text.length; at += 1) {
    const chunks = [piece(text.slice(0, at)), piece(text.slice(at)), piece('', 'stop')];
    const { answer, streamed } = await answerTo(() => ({ chunks }));
    expect({ content: answer.content, streamed }).toEqual({
      content: redacted,
      streamed: redacted,
    });
  }
  const chunks = [...[...text].map((letter) => piece(letter)), piece('', 'stop')];
  expect((await answerTo(() => ({ chunks }))).streamed).toBe(redacted);
});

test('tool calls are redacted too, also for a key that JSON escapes', async () => {
  const key = 'quoted"and\\slashed-0123456789';
  const { answer } = await answerTo(
    (sent) => ({
      tool_calls: [
        { id: `call-${sent}`, name: 'send', arguments: { to: 'me', text: `key: ${sent}` } },
      ],
    }),
    key,
  );
  expect(answer.tool_calls).toEqual([
    { id: 'call-***', name: 'send', arguments: '{"to":"me","text":"key: ***"}' },
  ]);
});

const HARD = 'sk-hard/0123+"4567\\89%<&';
const SPELLINGS: [string, (key: string) => string][] = [
  ['JSON', (key) => JSON.stringify(key)],
  ['JSON in JSON', (key) => JSON.stringify(JSON.stringify({ key }))],
  ['a URL', (key) => `https://x/?k=${encodeURIComponent(key)}`],
  ['a URL in small letters', (key) => encodeURIComponent(key).toLowerCase()],
  ['HTML', (key) => key.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')],
  ['Basic authorization', (key) => Buffer.from(`api:${key}`).toString('base64')],
];
test.each(SPELLINGS)('a key written as %s is never streamed', async (_, write) => {
  const text = `It is ${write(HARD)}.`;
  const chunks = [...[...text].map((letter) => piece(letter)), piece('', 'stop')];
  const { answer, streamed } = await answerTo(() => ({ chunks }), HARD);
  expect(streamed).toBe(answer.content);
  expect(streamed).toMatch(/^It is .{0,16}\*\*\*.{0,8}\.$/);
});

test('a partial key at the end of a truncated answer is redacted', async () => {
  const chunks = [piece(`It is ${KEY.slice(0, -3)}`), piece('', 'length')];
  const { answer, streamed } = await answerTo(() => ({ chunks }));
  expect([answer.content, streamed]).toEqual(['It is ***', 'It is ***']);
});

test('arguments and structured answers that escape each letter of the key are redacted when parsed', async () => {
  const escaped = [...KEY].map((one) => `\\u00${one.charCodeAt(0).toString(16)}`).join('');
  const { answer } = await answerTo(() => ({
    content: `{"key": "${escaped}"}`,
    tool_calls: [{ id: 'c', name: 'send', arguments: `{"key": "${escaped}"}` as never }],
  }));
  const [call] = answer.tool_calls;
  expect([answer.content, call?.arguments].map((text) => JSON.parse(text ?? '').key)).toEqual([
    '***',
    '***',
  ]);
});

test('a failure in the middle of an answer does not contain the key', async () => {
  const server = await startOpenAiServer(() => ({
    chunks: [
      {
        choices: [
          {
            index: 0,
            delta: { tool_calls: [{ function: { arguments: '{}' } }] },
            finish_reason: KEY,
          },
        ],
      } as never,
    ],
  }));
  open.push(server);
  const provider = openaiProvider({ env: { baseUrl: server.url, apiKey: KEY } });
  const outcome = await provider.generate(modelRequest('Hi'), { signal: unabortedSignal() });
  expect(outcome).toMatchObject({ ok: false, error: { cause: { finish_reason: '***' } } });
});

test('redacts the key in an answer that is not streamed', async () => {
  const { answer, streamed } = await answerTo((key) => ({
    raw: JSON.stringify({
      choices: [{ index: 0, message: { content: `It is ${key}` }, finish_reason: 'stop' }],
    }),
    headers: { 'content-type': 'application/json' },
  }));
  expect([answer.content, streamed]).toEqual(['It is ***', 'It is ***']);
});

test('does not redact a common word used as the key', async () => {
  const { answer, streamed } = await answerTo(() => ({ content: 'ollama runs models' }), 'ollama');
  expect([answer.content, streamed]).toEqual(Array(2).fill('ollama runs models'));
});
