import { describe, expect, test } from 'vitest';
import { type Environment, readConfig } from '../../../src/config.ts';
import type { HowdahError } from '../../../src/contracts/errors.ts';

const modelsOf = (env: Environment) => readConfig(env).models;
const defaultOf = (env: Environment) => {
  const { defaultModel, defaultVariables } = modelsOf(env);
  return { ...defaultModel, variables: defaultVariables };
};
const fallbacksOf = (env: Environment) =>
  modelsOf(env)
    .others.filter(({ fallbackPosition }) => fallbackPosition !== undefined)
    .map(({ name }) => name);

function failure(env: Environment): HowdahError {
  try {
    readConfig(env);
  } catch (error) {
    return error as HowdahError;
  }
  throw new Error('readConfig did not throw');
}

describe('the default model', () => {
  test.each([
    ['ANTHROPIC_API_KEY', 'anthropic', 'claude-sonnet-4-5'],
    ['GOOGLE_GENERATIVE_AI_API_KEY', 'google', 'gemini-2.5-flash'],
    ['GEMINI_API_KEY', 'google', 'gemini-2.5-flash'],
    ['GROQ_API_KEY', 'groq', 'llama-3.3-70b-versatile'],
    ['MISTRAL_API_KEY', 'mistral', 'mistral-small-latest'],
  ])('is that of the vendor of %s, when nothing else is set', (variable, provider, model) => {
    expect(modelsOf({ [variable]: 'k' })).toMatchObject({
      defaultModel: { provider, model, baseUrl: undefined, apiKey: 'k' },
      defaultVariables: [variable],
      others: [],
    });
  });

  test('is named by LLM_MODEL beside the key of a vendor', () => {
    expect(defaultOf({ ANTHROPIC_API_KEY: 'k', LLM_MODEL: 'claude-x' })).toMatchObject({
      provider: 'anthropic',
      model: 'claude-x',
      variables: ['ANTHROPIC_API_KEY', 'LLM_MODEL'],
    });
  });

  test.each([
    ['groq', 'groq'],
    ['groq.com', 'groq'],
    ['api.groq.com', 'groq'],
    ['GROQ', 'groq'],
    ['claude', 'anthropic'],
  ])('of LLM_PROVIDER=%s needs no URL, and uses LLM_API_KEY', (LLM_PROVIDER, provider) => {
    expect(defaultOf({ LLM_PROVIDER, LLM_API_KEY: 'k' })).toMatchObject({
      provider,
      baseUrl: undefined,
      apiKey: 'k',
    });
  });

  test('of LLM_PROVIDER uses the key that the vendor names itself', () => {
    expect(defaultOf({ LLM_PROVIDER: 'groq', GROQ_API_KEY: 'k' })).toMatchObject({
      apiKey: 'k',
      variables: ['LLM_PROVIDER', 'GROQ_API_KEY'],
    });
  });

  test('gives no key of a vendor to another server', () => {
    const env = { LLM_PROVIDER: 'groq', LLM_URL: 'https://llm.example/v1', GROQ_API_KEY: 'k' };
    expect(defaultOf(env)).toMatchObject({ baseUrl: env.LLM_URL, apiKey: undefined });
  });

  test('of a vendor with a format of its own is called at its own address without a URL', () => {
    const env = { LLM_PROVIDER: 'anthropic', LLM_URL: 'https://api.anthropic.com/v1' };
    expect(defaultOf({ ...env, LLM_API_KEY: 'k' })).toMatchObject({
      provider: 'anthropic',
      baseUrl: undefined,
    });
    expect(modelsOf({ ...env, LLM_API_KEY: 'k' }).keys.anthropic).toMatchObject({ value: 'k' });
  });

  test.each([
    ['groq.com', 'https://api.groq.com'],
    ['groq', 'https://api.groq.com/openai/v1/'],
    ['groq', 'https://api.groq.com/openai/v1/chat/completions'],
    [undefined, 'https://api.groq.com'],
  ])('of LLM_PROVIDER=%s and LLM_URL=%s is Groq at its own address', (LLM_PROVIDER, LLM_URL) => {
    const env = { LLM_PROVIDER, LLM_URL };
    const groq = { provider: 'groq', model: 'llama-3.3-70b-versatile', baseUrl: undefined };
    expect(defaultOf({ ...env, GROQ_API_KEY: 'k' })).toMatchObject({ ...groq, apiKey: 'k' });
    expect(defaultOf({ ...env, LLM_API_KEY: 'l' })).toMatchObject({ ...groq, apiKey: 'l' });
    expect(modelsOf({ ...env, LLM_API_KEY: 'l' }).keys.groq).toMatchObject({ value: 'l' });
  });

  test.each([
    ['groq', 'https://llm.example/openai'],
    ['groq', 'http://api.groq.com'],
    ['groq', 'https://api.groq.com/other'],
    ['my-server', 'https://api.groq.com'],
    ['google', 'https://gemini/v1'],
    ['ollama', 'https://ollama.local'],
  ])('of LLM_PROVIDER=%s is at LLM_URL=%s, with its own key alone', (LLM_PROVIDER, LLM_URL) => {
    const env = { LLM_PROVIDER, LLM_URL, LLM_MODEL: 'm', LLM_API_KEY: 'l', GROQ_API_KEY: 'k' };
    expect(defaultOf(env)).toMatchObject({ baseUrl: LLM_URL, apiKey: 'l' });
    expect(modelsOf(env).keys.groq).toMatchObject({ value: 'k' });
  });

  test('of OpenAI is at its usual address for LLM_URL=https://api.openai.com', () => {
    const env = { LLM_URL: 'https://api.openai.com', LLM_API_KEY: 'k' };
    expect(modelsOf(env)).toMatchObject({
      defaultModel: { provider: 'openai', baseUrl: undefined, apiKey: 'k' },
      openai: { baseUrl: undefined, apiKey: 'k' },
    });
  });

  test.each([
    ['127.0.0.1', 'http://127.0.0.1:11434/v1'],
    ['0.0.0.0:1234', 'http://127.0.0.1:1234/v1'],
    [':1234', 'http://127.0.0.1:1234/v1'],
    ['ollama.internal', 'http://ollama.internal:11434/v1'],
    ['http://ollama:11434/', 'http://ollama:11434/v1'],
    ['https://ollama.example.com', 'https://ollama.example.com/v1'],
  ])('of OLLAMA_HOST=%s is at %s', (OLLAMA_HOST, baseUrl) => {
    expect(defaultOf({ OLLAMA_HOST, OLLAMA_MODEL: 'qwen3' })).toMatchObject({
      provider: 'ollama',
      model: 'qwen3',
      baseUrl,
      variables: ['OLLAMA_HOST', 'OLLAMA_MODEL'],
    });
  });

  test('is none of a vendor whose key alone is not enough', () => {
    for (const variable of ['AWS_BEARER_TOKEN_BEDROCK', 'AZURE_API_KEY', 'HF_TOKEN']) {
      expect(defaultOf({ [variable]: 'k' })).toMatchObject({ provider: 'local' });
    }
  });
});

describe('an unknown provider', () => {
  test.each([
    ['LLM_PROVIDER', 'grok.com', 'groq'],
    ['LLM_PROVIDER', 'antropic', 'anthropic'],
  ])('in %s=%s is refused, and %s is suggested', (variable, value, meant) => {
    const error = failure({ [variable]: value });
    expect(error).toMatchObject({ code: 'HWINV', detail: { variable } });
    expect(error.hint).toContain(`Did you mean ${meant}? Set ${variable} to `);
  });

  test.each([
    [{ TTS_PROVIDER: 'elevenlab' }, /^The model tts is left out\. .*Did you mean elevenlabs\?/],
    [{ STT_PROVIDER: 'depgram' }, /^The model stt is left out\. .*Did you mean deepgram\?/],
    [{ TTS_PROVIDER: 'anthropic' }, /^The model tts is left out\. TTS_MODEL: /],
    [{ EMBEDDING_PROVIDER: 'nobody' }, /^The model embedding is left out\. /],
    [{ TTS_PROVIDER: 'my speech' }, /^The model tts is left out\. TTS_PROVIDER: /],
    [{ TTS_URL: 'ftp://voice.example' }, /^The model tts is left out\. TTS_URL: /],
    [{ STT_URL: 'voice.example/stt', STT_PROVIDER: 'openai' }, /left out\. STT_URL: .*Set STT_URL/],
    [{ EMBEDDING_URL: 'ws://e.example', OPENAI_BASE_URL: 'http://127.0.0.1' }, /EMBEDDING_URL: /],
  ])('of another purpose is left out with a warning: %j', (env, warning) => {
    const { others, warnings } = modelsOf(env);
    expect([others, warnings.length]).toEqual([[], 1]);
    expect(warnings[0]).toMatch(warning);
  });

  test('of another purpose at a faulty address sends its key nowhere else', () => {
    const env = { TTS_PROVIDER: 'elevenlabs', TTS_URL: 'voice.example', TTS_API_KEY: 'k' };
    expect(modelsOf(env).keys).toEqual({});
  });

  test.each([
    ['TTS_PROVIDER', 'async.ai', 'asyncflow_v2.0', 'https://async.ai/v1'],
    ['STT_PROVIDER', 'whisper.local', undefined, 'https://whisper.local/v1'],
  ])('in %s=%s that is a host is at that host', (variable, provider, model, baseUrl) => {
    const prefix = variable.slice(0, 3);
    const env = { [variable]: provider, [`${prefix}_API_KEY`]: 'k', [`${prefix}_MODEL`]: model };
    expect(modelsOf(env)).toMatchObject({
      warnings: [],
      others: [{ provider, model: model ?? '', baseUrl, key: { value: 'k' } }],
    });
  });

  test('of the default model that is a host is at that host', () => {
    expect(defaultOf({ LLM_PROVIDER: 'llm.example', LLM_MODEL: 'm' })).toMatchObject({
      provider: 'llm.example',
      baseUrl: 'https://llm.example/v1',
    });
  });

  test('is never repeated, since it may be a key', () => {
    const error = failure({ LLM_PROVIDER: 'sk-s3cret' });
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('s3cret');
  });

  test('is any OpenAI-compatible server when its URL is known', () => {
    const env = { STT_PROVIDER: 'whisper.local', STT_URL: 'ws://whisper-stt:8003' };
    expect(modelsOf(env).others).toMatchObject([
      { name: 'stt', provider: 'openai', baseUrl: 'ws://whisper-stt:8003' },
    ]);
  });
});

describe('a package', () => {
  test.each([{}, { LLM_URL: 'https://llm.example/v1' }])('is no default model', (rest) => {
    const env = { LLM_PROVIDER: 'npm:@acme/models', LLM_API_KEY: 'k', LLM_MODEL: 'm', ...rest };
    expect(failure(env)).toMatchObject({ code: 'HWINV', detail: { variable: 'LLM_PROVIDER' } });
  });

  test('makes a model of another purpose at its address, with the key of the same prefix', () => {
    const env = { TTS_PROVIDER: 'npm:@acme/voices', TTS_MODEL: 'v', TTS_API_KEY: 'k' };
    expect(modelsOf(env).warnings).toEqual([expect.stringContaining('TTS_URL')]);
    expect(modelsOf({ ...env, TTS_URL: 'https://voices.example' }).others).toMatchObject([
      { provider: 'npm:@acme/voices', baseUrl: 'https://voices.example', key: { value: 'k' } },
    ]);
  });
});

describe('fallbacks', () => {
  test('do not exist beside a single model', () => {
    for (const env of [{ ANTHROPIC_API_KEY: 'k' }, { OLLAMA_HOST: 'localhost' }]) {
      expect(modelsOf(env).others).toEqual([]);
    }
  });

  test('are other vendors, then a server on this machine, then local', () => {
    const env = { OLLAMA_HOST: 'localhost', GROQ_API_KEY: 'k', ANTHROPIC_API_KEY: 'k' };
    expect(defaultOf(env).provider).toBe('anthropic');
    expect(fallbacksOf(env)).toEqual(['groq', 'ollama', 'local']);
    expect(fallbacksOf({ ...env, OPENAI_API_KEY: 'k' })).toEqual([
      ...['anthropic', 'groq', 'ollama', 'local'],
    ]);
  });

  test('count a server of OPENAI_BASE_URL on this machine after remote vendors', () => {
    const env = { LLM_PROVIDER: 'groq', OPENAI_BASE_URL: 'http://[::1]:8080/v1', XAI_API_KEY: 'k' };
    expect(fallbacksOf(env)).toEqual(['xai', 'openai', 'local']);
  });

  test('follow a server of LLM_URL, which is the default model', () => {
    const env = { OPENAI_API_KEY: 'k', LLM_URL: 'http://[::1]:8080/v1', GROQ_API_KEY: 'k' };
    expect(defaultOf(env)).toMatchObject({ baseUrl: env.LLM_URL, apiKey: undefined });
    expect(fallbacksOf(env)).toEqual(['openai', 'groq', 'local']);
  });

  test.each([{ ANTHROPIC_API_KEY: 'k' }, { OPENAI_API_KEY: 'k' }])(
    'of LLM_PROVIDER=local do not exist, so that nothing leaves this machine',
    (keys) => {
      const env = { LLM_PROVIDER: 'local', ...keys };
      expect(defaultOf(env)).toMatchObject({ provider: 'local' });
      expect(fallbacksOf(env)).toEqual([]);
      expect(modelsOf(env).others).toHaveLength(1);
    },
  );

  test('never send the key of LLM_* to OPENAI_BASE_URL', () => {
    const env = { OPENAI_BASE_URL: 'http://proxy.example/v1', LLM_API_KEY: 'k' };
    expect(defaultOf(env)).toMatchObject({ baseUrl: undefined, apiKey: 'k' });
    expect(modelsOf(env).others[0]).toMatchObject({
      ...{ name: 'openai', baseUrl: env.OPENAI_BASE_URL, key: undefined },
    });
  });

  test('of OpenAI need no address where its server is the one of the process', () => {
    const env = { LLM_PROVIDER: 'groq', GROQ_API_KEY: 'k', OPENAI_API_KEY: 'o' };
    const { others, openai } = modelsOf(env);
    expect(others[0]).toMatchObject({ name: 'openai', baseUrl: undefined, key: { value: 'o' } });
    expect(openai).toEqual({ baseUrl: undefined, apiKey: 'o' });
    const elsewhere = { ...env, LLM_URL: 'https://llm.example/v1' };
    expect(modelsOf(elsewhere).others[0]).toMatchObject({ baseUrl: 'https://api.openai.com/v1' });
    expect(modelsOf(elsewhere).openai).toEqual({ baseUrl: elsewhere.LLM_URL, apiKey: undefined });
  });
});

describe('models of other purposes', () => {
  test('are described by their variables', () => {
    const env = {
      TTS_PROVIDER: 'api.elevenlabs.io',
      TTS_API_KEY: 't',
      TTS_VOICE: 'alice',
      STT_PROVIDER: 'groq.com',
      GROQ_API_KEY: 'g',
      EMBEDDING_PROVIDER: 'ollama',
      EMBEDDING_VOICE: 'ignored',
      LLM_VOICE: 'ignored',
    };
    expect(modelsOf(env).others).toEqual([
      {
        name: 'tts',
        purpose: 'tts',
        provider: 'elevenlabs',
        model: 'eleven_multilingual_v2',
        baseUrl: undefined,
        requestParams: { voice: 'alice' },
        fallbackPosition: undefined,
        key: { variable: 'TTS_API_KEY', value: 't' },
        variables: ['TTS_PROVIDER', 'TTS_VOICE', 'TTS_API_KEY'],
      },
      expect.objectContaining({
        name: 'stt',
        model: 'whisper-large-v3-turbo',
        key: { variable: 'GROQ_API_KEY', value: 'g' },
      }),
      expect.objectContaining({
        name: 'embedding',
        model: 'nomic-embed-text',
        baseUrl: 'http://127.0.0.1:11434/v1',
        key: undefined,
      }),
    ]);
  });

  test('send a key of their own to OpenAI alone, not to the server of LLM_URL', () => {
    const env = { LLM_URL: 'http://localhost:11434/v1', LLM_MODEL: 'm', TTS_API_KEY: 'k' };
    expect(modelsOf(env).others).toMatchObject([
      { name: 'tts', provider: 'openai', baseUrl: 'https://api.openai.com/v1' },
    ]);
  });
});
