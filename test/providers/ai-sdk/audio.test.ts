import { afterAll, describe, expect, test } from 'vitest';
import {
  type FakeHandler,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { ModelProvider } from '../../../src/contracts/agents/model.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { createProviders, findProvider } from '../../../src/providers/registry.ts';
import { createTone } from '../../../src/runtime/model-calls/tone.ts';
import { answerOf, errorOf, modelRef, modelRequest, unabortedSignal } from '../requests.ts';

const KEY = 'key-of-the-vendor-0123456789';
const MP3 = new Uint8Array([0xff, 0xfb, 1, 2, 3]);
const JSON_TYPE = { 'content-type': 'application/json' };
const open: FakeServer[] = [];
afterAll(() => Promise.all(open.map((server) => server.close())));

/** The request that each vendor receives, and its answer in the vendor's format. */
const VENDORS = {
  elevenlabs: {
    header: ['xi-api-key', KEY],
    speech: '/v1/text-to-speech/nova?output_format=mp3_44100_128',
    speechBody: { text: 'Hello.', model_id: 'm', voice_settings: { stability: 1, speed: 1.5 } },
    params: { voice_id: 'nova', speed: 1.5, voice_settings: { stability: 1 } },
    transcription: '/v1/speech-to-text',
    answer: { language_code: 'en', language_probability: 1, text: 'Where is my order?' },
  },
  deepgram: {
    header: ['authorization', `Token ${KEY}`],
    speech: '/v1/speak?model=m&encoding=mp3',
    speechBody: { text: 'Hello.' },
    params: {},
    transcription: '/v1/listen?model=m&diarize=true',
    answer: {
      metadata: { duration: 0.5 },
      results: {
        channels: [
          {
            detected_language: 'en',
            alternatives: [{ transcript: 'Where is my order?', words: [] }],
          },
        ],
      },
    },
  },
} as const;

async function startProvider(name: string, handler: FakeHandler) {
  const server = await startOpenAiServer(handler);
  open.push(server);
  const address = server.url.replace(/\/v1$/, '');
  const model = (request_params: JsonObject = {}) =>
    modelRef({
      ...{ provider: name, model: 'm', base_url: address, request_params },
      secret_name: 'vendor',
    });
  const at = answerOf(findProvider(createProviders({}), model()));
  return { server, at, model };
}

const CONTEXT = () => ({ signal: unabortedSignal(), key: KEY });
const speak = async (at: ModelProvider, model: ReturnType<typeof modelRef>) =>
  at.synthesizeSpeech?.({ model, text: 'Hello.' }, CONTEXT()) ??
  Promise.reject(new Error(`${at.name} makes no speech`));
const hear = async (at: ModelProvider, model: ReturnType<typeof modelRef>, audio = createTone()) =>
  at.transcribe?.({ model, audio, media_type: 'audio/wav' }, CONTEXT()) ??
  Promise.reject(new Error(`${at.name} makes no transcriptions`));

describe.each(Object.entries(VENDORS))('%s by its package', (name, vendor) => {
  const [header, value] = vendor.header;

  test('speaks a text, at the address of the model', async () => {
    const { server, at, model } = await startProvider(name, () => ({
      ...{ raw: MP3, headers: { 'content-type': 'audio/mpeg' } },
    }));
    const { audio, media_type } = answerOf(await speak(at, model(vendor.params)));
    expect([audio, media_type]).toEqual([MP3, 'audio/mpeg']);
    const [request] = server.requests;
    expect([request?.path, request?.body]).toEqual([vendor.speech, vendor.speechBody]);
    expect(request?.headers[header]).toBe(value);
  });

  test('writes down a recording, at the address of the model', async () => {
    const { server, at, model } = await startProvider(name, () => ({
      ...{ raw: JSON.stringify(vendor.answer), headers: JSON_TYPE },
    }));
    const heard = answerOf(await hear(at, model({ diarize: true })));
    expect(heard).toMatchObject({ text: 'Where is my order?', language: 'en' });
    const [request] = server.requests;
    expect(request?.path).toBe(vendor.transcription);
    expect(request?.headers[header]).toBe(value);
    expect(JSON.stringify(request?.body)).toContain('16044');
  });

  test.each([
    [{ status: 401, error: { message: `bad ${KEY}` } }, 'unauthorized', false],
    [{ status: 429, headers: { 'retry-after': '2' } }, 'rate_limited', true],
    [{ status: 500 }, 'overloaded', true],
    [{ reset: true }, 'unreachable', true],
  ])('with the answer %j fails as %s', async (answer, code, retryable) => {
    const { server, at, model } = await startProvider(name, () => answer);
    for (const call of [speak, hear]) {
      const error = errorOf(await call(at, model()));
      expect(error).toMatchObject({ code, retryable });
      expect(JSON.stringify(error)).not.toContain(KEY);
    }
    expect(server.requests).toHaveLength(2);
  });

  test('refuses an empty recording and a conversation, without a request', async () => {
    const { server, at, model } = await startProvider(name, () => ({ status: 500 }));
    const empty = await hear(at, model(), new Uint8Array(0));
    const talk = await at.generate(modelRequest('Hello', { model: model() }), CONTEXT());
    expect([errorOf(empty).code, errorOf(talk).code]).toEqual(Array(2).fill('invalid_request'));
    expect(server.requests).toHaveLength(0);
  });
});

test('Azure speaks by its package, which names the function of its models otherwise', async () => {
  const { server, at, model } = await startProvider('azure', () => ({
    ...{ raw: MP3, headers: { 'content-type': 'audio/mpeg' } },
  }));
  expect(answerOf(await speak(at, model({ voice: 'alloy' })))).toMatchObject({ audio: MP3 });
  expect(server.requests).toMatchObject([{ path: '/audio/speech', body: { voice: 'alloy' } }]);
});
