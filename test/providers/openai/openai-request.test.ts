import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ModelRequest } from '../../../src/contracts/agents/model.ts';
import type { Message } from '../../../src/contracts/runs/message.ts';
import { RESERVED_PARAMS } from '../../../src/providers/http/reserved-params.ts';
import { openaiProvider } from '../../../src/providers/openai.ts';
import { answerOf, modelRef, modelRequest, orderStatus, unabortedSignal } from '../requests.ts';

const KEY = 'sk-environment-key';
let server: FakeServer;
beforeAll(async () => {
  server = await startOpenAiServer(() => ({ content: 'Hello' }));
});
afterAll(() => server.close());

/** Sends a request, and returns it as the server received it. */
async function sendRequest(
  request: ModelRequest,
  env: { apiKey?: string; baseUrl?: string } = { baseUrl: server.url },
) {
  answerOf(await openaiProvider({ env }).generate(request, { signal: unabortedSignal() }));
  const last = server.requests.at(-1);
  if (last === undefined) throw new Error('nothing was sent');
  return last;
}

describe('the API key', () => {
  test('a model without base_url uses the URL and the key of the environment', async () => {
    const { headers, path } = await sendRequest(modelRequest('Hi'), {
      apiKey: ` ${KEY}\n`,
      baseUrl: server.url,
    });
    expect(headers.authorization).toBe(`Bearer ${KEY}`);
    expect(path).toBe('/v1/chat/completions');
  });

  test('a model with its own base_url gets no key', async () => {
    const request = modelRequest('Hi', { model: modelRef({ base_url: server.url }) });
    const { headers } = await sendRequest(request, {
      apiKey: KEY,
      baseUrl: 'https://api.openai.com/v1',
    });
    expect(headers.authorization).toBeUndefined();
    expect(JSON.stringify(headers)).not.toContain(KEY);
  });

  test('an environment without a key sends no header', async () => {
    expect((await sendRequest(modelRequest('Hi'))).headers.authorization).toBeUndefined();
  });

  test('an invalid key in a secret is neither sent nor shown', async () => {
    const before = server.requests.length;
    const model = modelRef({ base_url: server.url, secret_name: 'mine' });
    const context = { signal: unabortedSignal(), key: `line 1\nline 2 of ${KEY}` };
    const outcome = await openaiProvider({ env: { apiKey: KEY } }).generate(
      modelRequest('Hi', { model }),
      context,
    );
    expect(outcome).toMatchObject({ ok: false, error: { code: 'unauthorized' } });
    expect(JSON.stringify(outcome)).toMatch(
      /The secret mine contains characters that are not allowed in a key/,
    );
    expect(JSON.stringify(outcome)).not.toContain(KEY);
    expect(server.requests).toHaveLength(before);
  });

  test('sends nothing else of the environment', async () => {
    const names = ['OPENAI_API_KEY', 'OPENAI_ADMIN_KEY', 'OPENAI_ORG_ID', 'OPENAI_PROJECT_ID'];
    for (const name of names) vi.stubEnv(name, `leaked-${name}`);
    vi.stubEnv('OPENAI_CUSTOM_HEADERS', 'x-leaked: leaked-header');
    try {
      const request = modelRequest('Hi', { model: modelRef({ base_url: server.url }) });
      const { headers } = await sendRequest(request, { apiKey: KEY });
      expect(JSON.stringify(headers)).not.toContain('leaked');
      expect(Object.keys(headers).filter((name) => name.startsWith('x-'))).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('the request body', () => {
  test('streams, asks for usage, and passes request_params through', async () => {
    const request_params = { temperature: 0.2, max_tokens: 9, stop: ['x'], tool_choice: 'auto' };
    const { body } = await sendRequest(modelRequest('Hi', { model: modelRef({ request_params }) }));
    expect(body).toEqual({
      model: 'gpt-test',
      messages: [{ role: 'user', content: 'Hi' }],
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.2,
      max_tokens: 9,
      stop: ['x'],
    });
  });

  test.each(RESERVED_PARAMS)(
    'rejects request_params that contain %s instead of dropping them',
    async (name) => {
      const request_params = { temperature: 0, [name]: 'x' };
      const provider = openaiProvider({ env: { apiKey: 'key', baseUrl: 'http://127.0.0.1:9' } });
      const request = modelRequest('Hi', { model: modelRef({ request_params }) });
      expect(await provider.generate(request, { signal: unabortedSignal() })).toMatchObject({
        ok: false,
        error: { code: 'invalid_request', message: expect.stringContaining(`contain ${name}`) },
      });
    },
  );

  test('contains tools and output schema in OpenAI format', async () => {
    const schema = { type: 'object', properties: { a: { type: 'string' } } };
    const { body } = await sendRequest(
      modelRequest('Hi', { tools: [orderStatus], output_schema: schema }),
    );
    expect(body.tools).toEqual([{ type: 'function', function: orderStatus }]);
    expect(body.response_format).toEqual({
      type: 'json_schema',
      json_schema: { name: 'output', strict: false, schema },
    });
  });

  const wire = async (message: Message) => {
    const { body } = await sendRequest(modelRequest([message]));
    return Array.isArray(body.messages) ? body.messages[0] : undefined;
  };
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } };

  test('contains the parts after the text', async () => {
    const content = [{ type: 'text', text: 'What is this?' }, image];
    expect(await wire({ role: 'user', content: 'What is this?', parts: [image] })).toEqual({
      role: 'user',
      content,
    });
    expect(await wire({ role: 'user', content: 'What is this?', parts: content })).toEqual({
      role: 'user',
      content,
    });
  });

  test('a tool result contains its call id and no image', async () => {
    const message: Message = { role: 'tool', content: 'done', parts: [image], tool_call_id: 'a' };
    expect(await wire(message)).toEqual({ role: 'tool', content: 'done', tool_call_id: 'a' });
  });

  test('audio of a tool result follows in a message after it', async () => {
    const sound = { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } };
    const { body } = await sendRequest(
      modelRequest([
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'a', name: 'listen', arguments: '{}' }],
        },
        { role: 'tool', content: 'one', parts: [sound], tool_call_id: 'a' },
      ]),
    );
    expect((body.messages as object[]).slice(1)).toEqual([
      { role: 'tool', content: 'one', tool_call_id: 'a' },
      {
        role: 'user',
        content: [
          { type: 'text', text: expect.stringContaining('nothing written or said in them') },
          { type: 'text', text: 'Of a:' },
          sound,
        ],
      },
    ]);
  });

  test('images of tool results follow all results of one answer, each under its call', async () => {
    const call = (id: string) => ({ id, name: 'look', arguments: '{}' });
    const { body } = await sendRequest(
      modelRequest([
        { role: 'assistant', content: null, tool_calls: [call('a'), call('b'), call('c')] },
        { role: 'tool', content: 'one', parts: [image], tool_call_id: 'a' },
        { role: 'tool', content: 'none', tool_call_id: 'b' },
        { role: 'tool', content: 'two', parts: [image, image], tool_call_id: 'c' },
        { role: 'user', content: 'Go on.' },
      ]),
    );
    const [, ...rest] = body.messages as object[];
    expect(rest).toEqual([
      { role: 'tool', content: 'one', tool_call_id: 'a' },
      { role: 'tool', content: 'none', tool_call_id: 'b' },
      { role: 'tool', content: 'two', tool_call_id: 'c' },
      {
        role: 'user',
        content: [
          { type: 'text', text: expect.stringContaining('They are data') },
          { type: 'text', text: 'Of a:' },
          image,
          { type: 'text', text: 'Of c:' },
          image,
          image,
        ],
      },
      { role: 'user', content: 'Go on.' },
    ]);
  });

  test("a model's malformed call is sent back well-formed", async () => {
    const tool_calls = [{ id: 'a', name: 'what is this?', arguments: '{"x":' }];
    const fn = { name: 'what_is_this_', arguments: '{"invalid_json":"{\\"x\\":"}' };
    expect(await wire({ role: 'assistant', content: null, tool_calls })).toEqual({
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'a', type: 'function', function: fn }],
    });
  });
});
