import { afterAll, describe, expect, test } from 'vitest';
import {
  type FakeHandler,
  type FakeServer,
  startOpenAiServer,
} from '../../chaos/load/openai-server.ts';
import type { ModelProvider, ModelRef } from '../../src/contracts/agents/model.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { decodeImage } from '../../src/providers/image-format.ts';
import { localProvider } from '../../src/providers/local.ts';
import { openaiProvider } from '../../src/providers/openai.ts';
import { createProviders, findProvider } from '../../src/providers/registry.ts';
import { scriptedProvider } from '../../src/providers/scripted.ts';
import { withSecret } from '../../src/providers/with-secret.ts';
import { answerOf, errorOf, modelRef, unabortedSignal } from './requests.ts';

const KEY = 'sk-test-0123456789abcdef';
const JSON_TYPE = { 'content-type': 'application/json' };
const open: FakeServer[] = [];
afterAll(() => Promise.all(open.map((server) => server.close())));

/** Returns the header of an image from texts and big-endian or little-endian numbers. */
const bytes = (...pieces: (string | number[])[]) =>
  new Uint8Array(Buffer.concat(pieces.map((piece) => Buffer.from(piece as string, 'latin1'))));
const PNG = bytes('\x89PNG\r\n\x1a\n', [0, 0, 0, 13], 'IHDR', [0, 0, 2, 0, 0, 0, 1, 0], [8, 2]);
const BASE64 = Buffer.from(PNG).toString('base64');
const JPEG = bytes(
  ...[
    [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 1],
    [0xff, 0xc4, 0, 3, 0],
  ],
  [0xff, 0xc2, 0, 17, 8, 1, 0, 2, 0, 3],
);
const PICTURE = { media_type: 'image/png', width: 512, height: 256 };

async function startProvider(handler: FakeHandler, patienceMs = 60_000) {
  const server = await startOpenAiServer(handler);
  open.push(server);
  const limits = { first_chunk_ms: patienceMs, between_chunks_ms: patienceMs };
  return { server, at: openaiProvider({ env: { apiKey: KEY, baseUrl: server.url }, limits }) };
}

const drawWith = async (
  at: ModelProvider,
  model: ModelRef,
  signal = unabortedSignal(),
  key?: string,
) =>
  at.generateImage?.({ model, prompt: 'A square.' }, { signal, ...(key && { key }) }) ??
  Promise.reject(new Error(`${at.name} makes no images`));
const draw = (at: ModelProvider, request_params: JsonObject = {}, signal = unabortedSignal()) =>
  drawWith(at, modelRef({ request_params }), signal);
const imageAnswer = (body: unknown): FakeHandler => {
  const raw = JSON.stringify(body);
  return () => ({ raw, headers: JSON_TYPE });
};
const ANSWER = { data: [{ b64_json: BASE64 }], usage: { input_tokens: 9, output_tokens: 272 } };

describe('the format of an image', () => {
  const peer = { host: 'images.example', model: 'm', key: null };
  test.each([
    ['png', PNG, { ...PICTURE }],
    ['jpeg', JPEG, { media_type: 'image/jpeg', width: 512, height: 256 }],
    ['gif', bytes('GIF89a', [0, 2, 0, 1]), { media_type: 'image/gif', width: 512, height: 256 }],
    [
      'lossy webp',
      bytes('RIFF....WEBPVP8 ....', [0, 0, 0, 0x9d, 1, 0x2a, 0, 2, 0, 1]),
      { media_type: 'image/webp', width: 512, height: 256 },
    ],
    [
      'lossless webp',
      bytes('RIFF....WEBPVP8L....', [0x2f, 0xff, 0xc1, 0x3f, 0]),
      { media_type: 'image/webp', width: 512, height: 256 },
    ],
    [
      'extended webp',
      bytes('RIFF....WEBPVP8X....', [0, 0, 0, 0, 0xff, 1, 0, 0xff, 0, 0]),
      { media_type: 'image/webp', width: 512, height: 256 },
    ],
    ['avif', bytes([0, 0, 0, 32], 'ftypavif'), { media_type: 'image/avif' }],
    ['cut png', PNG.subarray(0, 18), { media_type: 'image/png' }],
    ['cut jpeg', JPEG.subarray(0, 12), { media_type: 'image/jpeg' }],
  ])('%s is known by its first bytes, with its size', (_, image, expected) => {
    expect(answerOf(decodeImage(image, peer))).toEqual({ image, ...expected });
    const base64 = Buffer.from(image).toString('base64');
    expect(answerOf(decodeImage(`data:image/x;base64,${base64}`, peer)).image).toEqual(image);
  });

  test.each(['', 'PGh0bWw+', Buffer.from('plain text').toString('base64')])(
    '%j is no image',
    (data) => expect(errorOf(decodeImage(data, peer)).code).toBe('bad_answer'),
  );
});

describe('openai', () => {
  test('asks for the image itself, and sends the parameters of the model', async () => {
    const { server, at } = await startProvider(imageAnswer(ANSWER));
    const usage = { tokens_in: 9, tokens_out: 272 };
    expect(answerOf(await draw(at))).toEqual({ image: PNG, ...PICTURE, usage });
    answerOf(await draw(at, { size: '512x256', response_format: null, prompt: 'Another.' }));
    answerOf(await drawWith(at, modelRef({ model: 'gpt-image-1' })));
    const sent = { model: 'gpt-test', prompt: 'A square.' };
    expect(server.requests.map(({ path, body }) => [path, body])).toEqual([
      ['/v1/images/generations', { ...sent, response_format: 'b64_json' }],
      ['/v1/images/generations', { ...sent, size: '512x256' }],
      ['/v1/images/generations', { model: 'gpt-image-1', prompt: 'A square.' }],
    ]);
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  test('reads an image from a data: URL', async () => {
    const { at } = await startProvider(
      imageAnswer({ data: [{ url: `data:image/png;base64,${BASE64}` }] }),
    );
    expect(answerOf(await draw(at))).toEqual({ image: PNG, ...PICTURE });
  });

  test('never downloads the address of an image', async () => {
    const { server, at } = await startProvider(({ headers }) => {
      const url = `http://${headers.host}/generated-images/1.png`;
      return { raw: JSON.stringify({ data: [{ url }] }), headers: JSON_TYPE };
    });
    const error = errorOf(await draw(at));
    expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    [{ status: 400 }, 'invalid_request', false],
    [{ status: 400, error: { code: 'moderation_blocked' } }, 'content_filtered', false],
    [{ status: 401 }, 'unauthorized', false],
    [{ status: 404 }, 'not_found', false],
    [{ status: 429, headers: { 'retry-after': '2' } }, 'rate_limited', true],
    [{ status: 503 }, 'overloaded', true],
    [{ reset: true }, 'unreachable', true],
    [{ stall: 'before_headers' as const }, 'timeout', true],
    [{ raw: '<html>', headers: { 'content-type': 'text/html' } }, 'bad_answer', true],
    [{ raw: `{"error": {"message": "no ${KEY}"}}`, headers: JSON_TYPE }, 'bad_answer', true],
    [{ raw: '{"data": []}', headers: JSON_TYPE }, 'bad_answer', true],
    [{ raw: '{"data": [{"b64_json": "AAAA"}]}', headers: JSON_TYPE }, 'bad_answer', true],
    [{ raw: '[', headers: JSON_TYPE }, 'bad_answer', true],
  ])('with the answer %j fails as %s', async (answer, code, retryable) => {
    const { server, at } = await startProvider(() => answer, 'stall' in answer ? 200 : undefined);
    const error = errorOf(await draw(at));
    expect(error).toMatchObject({ code, retryable });
    expect(error.message).toMatch(/^[A-Z0-9].*[.!?…]$/s);
    expect(JSON.stringify(error)).not.toContain(KEY);
    expect(server.requests).toHaveLength(1);
  });

  test('ends when the signal fires, before and during the call', async () => {
    const controller = new AbortController();
    const { server, at } = await startProvider(() => {
      controller.abort();
      return { stall: 'before_headers' };
    });
    expect(errorOf(await draw(at, {}, AbortSignal.abort())).code).toBe('cancelled');
    expect(server.requests).toHaveLength(0);
    expect(errorOf(await draw(at, {}, controller.signal)).code).toBe('cancelled');
  });

  test('sends the key from the secret that the model names', async () => {
    const { server, at } = await startProvider(imageAnswer(ANSWER));
    const model = modelRef({ secret_name: 'images', base_url: server.url });
    const read = async (name: string) => ({ ok: true as const, value: `key-of-${name}` });
    answerOf(await drawWith(withSecret(at, model, read), model));
    expect(server.requests[0]?.headers.authorization).toBe('Bearer key-of-images');
    expect(withSecret(localProvider(), model, read).generateImage).toBeUndefined();
  });
});

const inlineData = { inlineData: { mimeType: 'image/png', data: BASE64 } };
const GEMINI = { candidates: [{ content: { parts: [inlineData] }, finishReason: 'STOP' }] };

/** The answer that the package of each vendor receives, in the vendor's format. */
const VENDORS: Record<string, { model: string; path: string; answer: unknown; sent: JsonObject }> =
  {
    google: {
      model: 'gemini-2.5-flash-image',
      path: '/v1/models/gemini-2.5-flash-image:generateContent',
      answer: GEMINI,
      sent: {
        generationConfig: {
          responseModalities: ['IMAGE'],
          imageConfig: { aspectRatio: '16:9' },
          topK: 3,
        },
      },
    },
    xai: {
      model: 'grok-2-image',
      path: '/v1/images/generations',
      answer: { data: [{ b64_json: BASE64 }] },
      sent: { prompt: 'A square.', n: 1, response_format: 'b64_json', aspect_ratio: '16:9' },
    },
    'amazon-bedrock': {
      model: 'amazon.nova-canvas-v1:0',
      path: '/v1/model/amazon.nova-canvas-v1%3A0/invoke',
      answer: { images: [BASE64] },
      sent: { taskType: 'TEXT_IMAGE', textToImageParams: { text: 'A square.' } },
    },
    'npm:@ai-sdk/openai-compatible': {
      model: 'flux',
      path: '/v1/images/generations',
      answer: { data: [{ b64_json: BASE64 }] },
      sent: { prompt: 'A square.', n: 1 },
    },
  };

describe.each(Object.entries(VENDORS))('%s by its package', (name, vendor) => {
  const start = async (handler: FakeHandler) => {
    const server = await startOpenAiServer(handler);
    open.push(server);
    const own = { generationConfig: { topK: 3 } };
    const request_params = { aspect_ratio: '16:9', ...(name === 'google' && own) };
    const row = { provider: name, model: vendor.model, base_url: server.url };
    const model = modelRef({ ...row, secret_name: 'vendor', request_params });
    const packages = ['@ai-sdk/openai-compatible'];
    return { server, model, at: answerOf(findProvider(createProviders({ packages }), model)) };
  };

  test('makes an image', async () => {
    const { server, at, model } = await start(imageAnswer(vendor.answer));
    const image = answerOf(await drawWith(at, model, unabortedSignal(), KEY));
    expect(image).toMatchObject({ image: PNG, ...PICTURE });
    expect(server.requests[0]).toMatchObject({ path: vendor.path, body: vendor.sent });
    expect(JSON.stringify(server.requests[0]?.headers)).toContain(KEY);
  });

  test.each([
    [{ status: 401, error: { message: `bad ${KEY}` } }, 'unauthorized', false],
    [{ status: 429, headers: { 'retry-after': '2' } }, 'rate_limited', true],
    [{ status: 500 }, 'overloaded', true],
    [{ reset: true }, 'unreachable', true],
    [{ raw: '{}', headers: JSON_TYPE }, 'bad_answer', true],
  ])('with the answer %j fails as %s', async (answer, code, retryable) => {
    const { server, at, model } = await start(() => answer);
    const error = errorOf(await drawWith(at, model, unabortedSignal(), KEY));
    expect(error).toMatchObject({ code, retryable });
    expect(JSON.stringify(error)).not.toContain(KEY);
    expect(server.requests).toHaveLength(1);
  });
});

test.each(['xai', 'npm:@ai-sdk/openai-compatible'])(
  'the package of %s downloads no image, of its own server least of all',
  async (provider) => {
    for (const host of ['own', 'https://images.example']) {
      const server = await startOpenAiServer(({ headers }) => {
        const url = `${host === 'own' ? `http://${headers.host}` : host}/1.png`;
        return { raw: JSON.stringify({ data: [{ url }] }), headers: JSON_TYPE };
      });
      open.push(server);
      const model = modelRef({ provider, model: 'm', base_url: server.url });
      const packages = ['@ai-sdk/openai-compatible'];
      const at = answerOf(findProvider(createProviders({ packages }), model));
      const error = errorOf(await drawWith(at, model));
      expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
      expect(error.message).toContain('response_format');
      expect(server.requests).toHaveLength(1);
    }
  },
);

test.each(['anthropic', 'groq', 'deepgram', 'cohere'])(
  '%s has no models for images',
  async (name) => {
    const model = modelRef({ provider: name, base_url: 'http://127.0.0.1:1' });
    const at = answerOf(findProvider(createProviders({}), model));
    const error = errorOf(await drawWith(at, model));
    expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
    expect(error.message).toContain('models for images');
  },
);

test('a script contains an image, and local has none', async () => {
  const image = answerOf(await draw(scriptedProvider(), { script: [{ image: BASE64 }] }));
  expect(image).toEqual({ image: PNG, ...PICTURE });
  const talking = { script: [{ content: 'Hi' }] };
  expect(errorOf(await draw(scriptedProvider(), talking)).code).toBe('script_mismatch');
  expect((localProvider() as ModelProvider).generateImage).toBeUndefined();
});
