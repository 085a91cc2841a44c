import { afterAll, describe, expect, test } from 'vitest';
import {
  type FakeHandler,
  type FakeServer,
  startOpenAiServer,
} from '../../chaos/load/openai-server.ts';
import {
  MAX_AUDIO_BYTES,
  type ModelProvider,
  type ModelRef,
} from '../../src/contracts/agents/model.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { localProvider } from '../../src/providers/local.ts';
import { openaiProvider } from '../../src/providers/openai.ts';
import { scriptedProvider } from '../../src/providers/scripted.ts';
import { withSecret } from '../../src/providers/with-secret.ts';
import { createTone } from '../../src/runtime/model-calls/tone.ts';
import { answerOf, errorOf, modelRef, unabortedSignal } from './requests.ts';

const KEY = 'sk-test-0123456789abcdef';
const MP3 = new Uint8Array([0xff, 0xfb, 1, 2, 3]);
const open: FakeServer[] = [];
afterAll(() => Promise.all(open.map((server) => server.close())));

async function startProvider(
  handler: FakeHandler,
  patienceMs = 60_000,
): Promise<{ server: FakeServer; at: ModelProvider }> {
  const server = await startOpenAiServer(handler);
  open.push(server);
  const limits = { first_chunk_ms: patienceMs, between_chunks_ms: patienceMs };
  return { server, at: openaiProvider({ env: { apiKey: KEY, baseUrl: server.url }, limits }) };
}

const speakWith = async (at: ModelProvider, model: ModelRef, signal = unabortedSignal()) =>
  at.synthesizeSpeech?.({ model, text: 'Hello.' }, { signal }) ??
  Promise.reject(new Error(`${at.name} makes no speech`));
const speak = (at: ModelProvider, request_params: JsonObject = {}, signal = unabortedSignal()) =>
  speakWith(at, modelRef({ request_params }), signal);
const hear = async (
  at: ModelProvider,
  request_params: JsonObject = {},
  audio = createTone(),
  signal = unabortedSignal(),
) =>
  at.transcribe?.(
    { model: modelRef({ request_params }), audio, media_type: 'audio/wav' },
    { signal },
  ) ?? Promise.reject(new Error(`${at.name} makes no transcriptions`));

const speechHandler: FakeHandler = () => ({ raw: MP3, headers: { 'content-type': 'audio/mpeg' } });
const heard: FakeHandler = () => ({
  raw: '{"text": "Where is my order?", "language": "english", "duration": 0.5}',
  headers: { 'content-type': 'application/json' },
});

type Subjects = { speaking: ModelProvider; hearing: ModelProvider };
const subjects: Record<string, () => Promise<Subjects>> = {
  openai: async () => ({
    speaking: (await startProvider(speechHandler)).at,
    hearing: (await startProvider(heard)).at,
  }),
  scripted: async () => ({ speaking: scriptedProvider(), hearing: scriptedProvider() }),
};

// Requirements of each vendor: a speech, a transcript, and aborts.
describe.each(Object.entries(subjects))('the provider %s', (name, start) => {
  const script = (step: JsonObject): JsonObject => (name === 'scripted' ? { script: [step] } : {});
  const speech = {
    speech: { audio: Buffer.from(MP3).toString('base64'), media_type: 'audio/mpeg' },
  };
  const transcript = { transcript: 'Where is my order?' };

  test('speaks a text and writes down a recording', async () => {
    const { speaking, hearing } = await start();
    const { audio, media_type } = answerOf(await speak(speaking, script(speech)));
    expect([audio, media_type]).toEqual([MP3, 'audio/mpeg']);
    expect(answerOf(await hear(hearing, script(transcript))).text).toBe('Where is my order?');
  });

  test('does nothing when the signal has already fired', async () => {
    const { speaking, hearing } = await start();
    const signal = AbortSignal.abort();
    expect(errorOf(await speak(speaking, script(speech), signal)).code).toBe('cancelled');
    const outcome = await hear(hearing, script(transcript), createTone(), signal);
    expect(errorOf(outcome).code).toBe('cancelled');
  });
});

test('the local model neither speaks nor hears', () => {
  const { synthesizeSpeech, transcribe } = localProvider() as ModelProvider;
  expect([synthesizeSpeech, transcribe]).toEqual([undefined, undefined]);
});

describe('openai', () => {
  test('sends the text, the voice and other parameters', async () => {
    const { server, at } = await startProvider(speechHandler);
    answerOf(await speak(at));
    const { warnings } = answerOf(
      await speak(at, { voice_id: 'nova', speed: 1.2, sample_rate: 24_000 }),
    );
    expect(server.requests.map(({ path, body }) => [path, body])).toEqual([
      ['/v1/audio/speech', { model: 'gpt-test', input: 'Hello.', voice: 'alloy' }],
      ['/v1/audio/speech', { model: 'gpt-test', input: 'Hello.', voice: 'nova', speed: 1.2 }],
    ]);
    expect(warnings).toEqual([expect.stringContaining('sample_rate 24000')]);
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  test.each([
    [{ response_format: 'wav' }, 'audio/wav'],
    [{ response_format: 'pcm' }, 'audio/pcm'],
    [{}, 'audio/mpeg'],
  ])('knows the format of audio that is sent as plain bytes: %j', async (params, type) => {
    const headers = { 'content-type': 'application/octet-stream' };
    const { at } = await startProvider(() => ({ raw: MP3, headers }));
    expect(answerOf(await speak(at, params)).media_type).toBe(type);
  });

  test('sends a recording as a file of a form', async () => {
    const { server, at } = await startProvider(heard);
    const { language, seconds } = answerOf(await hear(at, { language: 'en', prompt: 'Orders.' }));
    expect([language, seconds]).toEqual(['english', 0.5]);
    expect(server.requests[0]).toMatchObject({
      path: '/v1/audio/transcriptions',
      headers: { authorization: `Bearer ${KEY}` },
      body: {
        model: 'gpt-test',
        language: 'en',
        prompt: 'Orders.',
        response_format: 'json',
        file: { name: 'audio.wav', type: 'audio/wav', bytes: 16_044 },
      },
    });
  });

  test('refuses an empty recording and one of more than 25 MB, without a request', async () => {
    const { server, at } = await startProvider(heard);
    for (const bytes of [0, MAX_AUDIO_BYTES + 1]) {
      const error = errorOf(await hear(at, {}, new Uint8Array(bytes)));
      expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
    }
    expect(server.requests).toHaveLength(0);
  });

  test('accepts silence', async () => {
    const { at } = await startProvider(() => ({ raw: '{"text": ""}', headers: JSON_TYPE }));
    expect(answerOf(await hear(at))).toEqual({ text: '' });
  });

  test.each([
    [{ status: 400 }, 'invalid_request', false],
    [{ status: 401 }, 'unauthorized', false],
    [{ status: 404 }, 'not_found', false],
    [{ status: 429, headers: { 'retry-after': '2' } }, 'rate_limited', true],
    [{ status: 503 }, 'overloaded', true],
    [{ reset: true }, 'unreachable', true],
    [{ stall: 'before_headers' as const }, 'timeout', true],
    [{ stall: 3, raw: MP3, headers: { 'content-type': 'audio/mpeg' } }, 'timeout', true],
    [{ raw: '<html>', headers: { 'content-type': 'text/html' } }, 'bad_answer', true],
    [{ raw: `{"error": {"message": "no ${KEY}"}}`, headers: JSON_TYPE }, 'bad_answer', true],
    [{ raw: '{"data": []}', headers: JSON_TYPE }, 'bad_answer', true],
    [{ raw: '', headers: { 'content-type': 'audio/mpeg' } }, 'bad_answer', true],
  ])('with the answer %j fails as %s', async (answer, code, retryable) => {
    const { server, at } = await startProvider(() => answer, 'stall' in answer ? 200 : undefined);
    for (const call of [speak, hear]) {
      const error = errorOf(await call(at));
      expect(error).toMatchObject({ code, retryable });
      expect(error.message).toMatch(/^[A-Z0-9].*[.!?…]$/s);
      expect(JSON.stringify(error)).not.toContain(KEY);
    }
    // a call that gives up soon may do so before the server has read its request
    if ('stall' in answer) expect(server.requests.length).toBeLessThanOrEqual(2);
    else expect(server.requests).toHaveLength(2);
  });

  test('ends when the signal fires during the call', async () => {
    for (const call of [
      (at: ModelProvider, signal: AbortSignal) => speak(at, {}, signal),
      (at: ModelProvider, signal: AbortSignal) => hear(at, {}, createTone(), signal),
    ]) {
      const controller = new AbortController();
      const { at } = await startProvider(() => {
        controller.abort();
        return { stall: 'before_headers' };
      });
      expect(errorOf(await call(at, controller.signal)).code).toBe('cancelled');
    }
  });

  test('sends the key from the secret that the model names', async () => {
    const { server, at } = await startProvider(speechHandler);
    const model = modelRef({ secret_name: 'voice', base_url: server.url });
    const read = async (name: string) => ({ ok: true as const, value: `key-of-${name}` });
    const keyed = withSecret(at, model, read);
    answerOf(await speakWith(keyed, model));
    expect(server.requests[0]?.headers.authorization).toBe('Bearer key-of-voice');
    const none = withSecret(localProvider(), model, read);
    expect([none.synthesizeSpeech, none.transcribe]).toEqual([undefined, undefined]);
  });
});

const JSON_TYPE = { 'content-type': 'application/json' };

describe('the script', () => {
  test('without a speech or a transcript says so, and neither answers a conversation', async () => {
    const model = (step: JsonObject) => ({ script: [step] });
    const talking = model({ content: 'Hi' });
    expect(errorOf(await speak(scriptedProvider(), talking)).code).toBe('script_mismatch');
    expect(errorOf(await hear(scriptedProvider(), talking)).code).toBe('script_mismatch');
    const request = { messages: [], tools: [], output_schema: null };
    const result = await scriptedProvider().generate(
      { ...request, model: modelRef({ request_params: model({ transcript: 'Hi' }) }) },
      { signal: unabortedSignal() },
    );
    expect(errorOf(result).code).toBe('script_mismatch');
  });

  test.each([
    { speech: { audio: 'not base64!', media_type: 'audio/wav' } },
    { speech: { audio: 'AAAA', media_type: 'audio/wav' }, transcript: 'both' },
    { transcript: 'x', content: 'x' },
  ])('of the wrong form is refused: %j', async (step) => {
    const params = { script: [step] } as JsonObject;
    expect(errorOf(await hear(scriptedProvider(), params)).code).toBe('invalid_request');
  });
});
