import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { providerEnv } from '../../src/guarded-providers.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { createProviders, findProvider } from '../../src/providers/registry.ts';
import { SERVERS_WITHOUT_ADDRESS, VENDORS } from '../../src/providers/vendors.ts';
import { answerOf, errorOf, modelRef, modelRequest, unabortedSignal } from './requests.ts';

const providers = createProviders({});
const find = (provider: string, base_url: string | null = null) =>
  findProvider(providers, modelRef({ provider, base_url }));

test('finds every provider by its own name, in any case', () => {
  for (const name of ['openai', 'local', 'scripted']) expect(answerOf(find(name)).name).toBe(name);
  expect(answerOf(find('OpenAI')).name).toBe('openai');
});

describe('the name of an OpenAI-compatible server without an address', () => {
  test.each([...SERVERS_WITHOUT_ADDRESS])('%s requires a base_url', (name) => {
    expect(answerOf(find(name, 'http://127.0.0.1:11434/v1')).name).toBe('openai');
    expect(errorOf(find(name)).message).toContain('base_url');
  });
});

describe('a vendor', () => {
  test.each([
    ['anthropic', 'anthropic'],
    ['Claude', 'anthropic'],
    ['gemini', 'google'],
    ['groq.com', 'groq'],
    ['api.openai.com', 'openai'],
    ['ollama', 'openai'],
    ['openrouter.ai', 'openai'],
  ])('%s is reached by the provider %s', (name, provider) => {
    expect(answerOf(find(name)).name).toBe(provider);
  });

  test('without its package is reached in the format of OpenAI, at its own address', async () => {
    const urls: string[] = [];
    const keys = { perplexity: 'pplx-key' };
    const fetch = async (input: string | URL | Request, init?: RequestInit) => {
      urls.push(`${input} ${new Headers(init?.headers).get('authorization')}`);
      return Response.json({}, { status: 500 });
    };
    const model = modelRef({ provider: 'perplexity' });
    const own = answerOf(findProvider(createProviders({ keys }, { fetch }), model));
    await own.generate(modelRequest('Hi', { model }), { signal: unabortedSignal() });
    expect(urls).toEqual(['https://api.perplexity.ai/chat/completions Bearer pplx-key']);
    expect(answerOf(find('perplexity', 'http://127.0.0.1/v1')).name).toBe('openai');
  });

  test.each(['openai', 'OpenAI', 'api.openai.com'])(
    '%s has the key of the environment beside a default model of another vendor',
    async (provider) => {
      const urls: string[] = [];
      const fetch = async (input: string | URL | Request, init?: RequestInit) => {
        urls.push(`${input} ${new Headers(init?.headers).get('authorization')}`);
        return Response.json({}, { status: 500 });
      };
      const { models, providerPackages } = readConfig({
        LLM_PROVIDER: 'anthropic',
        LLM_API_KEY: 'sk-ant',
        OPENAI_API_KEY: 'sk-openai',
      });
      const env = providerEnv({ models, providerPackages });
      const model = modelRef({ provider, base_url: null });
      const own = answerOf(findProvider(createProviders(env, { fetch }), model));
      await own.generate(modelRequest('Hi', { model }), { signal: unabortedSignal() });
      expect(urls).toEqual(['https://api.openai.com/v1/chat/completions Bearer sk-openai']);
    },
  );

  test.each([
    ['cohere', 'https://api.cohere.ai/compatibility/v1', 'openai'],
    ['cohere', 'https://api.cohere.ai/compatibility/v1/', 'openai'],
    ['cohere', 'https://api.cohere.com/v2', 'cohere'],
    ['cohere', 'https://api.cohere.ai/compatibility/v1', 'openai'],
    ['cohere', 'https://gateway.example.com/v2', 'cohere'],
    ['deepseek', 'https://api.deepseek.com/v1', 'deepseek'],
    ['groq', 'https://api.groq.com/openai/v1', 'groq'],
  ])('%s at %s is reached by the provider %s', (name, url, provider) => {
    expect(answerOf(find(name, url)).name).toBe(provider);
  });

  test('without package and address names the package to install', () => {
    const { code, message } = errorOf(find('vertex'));
    expect(code).toBe('invalid_request');
    expect(message).toContain('npm install @ai-sdk/google-vertex');
  });

  test('without a key is refused before anything is sent, with the name of the variable', async () => {
    const model = modelRef({ provider: 'groq' });
    const outcome = await answerOf(find('groq')).generate(modelRequest('Hi', { model }), {
      signal: unabortedSignal(),
    });
    expect(errorOf(outcome)).toMatchObject({ code: 'unauthorized' });
    expect(errorOf(outcome).message).toContain('GROQ_API_KEY');
  });
});

test('a host is a server with the format of OpenAI, and gets no key of the environment', async () => {
  const urls: string[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit) => {
    urls.push(`${input} ${new Headers(init?.headers).get('authorization')}`);
    return Response.json({}, { status: 500 });
  };
  const hosts = createProviders({ OPENAI_API_KEY: 'sk-environment' }, { fetch });
  for (const base_url of [null, 'http://127.0.0.1:9/v1']) {
    const model = modelRef({ provider: 'models.example:8443', base_url });
    const provider = answerOf(findProvider(hosts, model));
    await provider.generate(modelRequest('Hi', { model }), { signal: unabortedSignal() });
  }
  expect(urls).toEqual([
    'https://models.example:8443/v1/chat/completions null',
    'http://127.0.0.1:9/v1/chat/completions null',
  ]);
});

describe('a package', () => {
  const allowed = createProviders({ packages: ['@ai-sdk/openai-compatible', '@ai-sdk/nowhere'] });
  const findPackage = (name: string) =>
    findProvider(allowed, modelRef({ provider: `npm:${name}` }));

  test('that the operator allows and that is installed is a provider', () => {
    expect(answerOf(findPackage('@ai-sdk/openai-compatible')).name).toBe(
      'npm:@ai-sdk/openai-compatible',
    );
  });

  test('that has no base_url is refused with what is missing', async () => {
    const model = modelRef({ provider: 'npm:@ai-sdk/openai-compatible', base_url: null });
    const provider = answerOf(findProvider(allowed, model));
    const outcome = await provider.generate(modelRequest('Hi', { model }), {
      signal: unabortedSignal(),
    });
    expect(errorOf(outcome).message).toMatch(/has no address: set base_url\.$/);
  });

  test('is refused unless the operator allows it', () => {
    expect(errorOf(findPackage('@ai-sdk/mistral')).message).toContain('HOWDAH_PROVIDER_PACKAGES');
    expect(errorOf(find('npm:@ai-sdk/mistral')).code).toBe('invalid_request');
  });

  test('that is not installed is refused with the command', () => {
    expect(errorOf(findPackage('@ai-sdk/nowhere')).message).toContain(
      'npm install @ai-sdk/nowhere',
    );
  });
});

test.each([
  ['opnai', 'Did you mean "openai"'],
  ['olama', 'Did you mean "ollama"'],
  ['script', 'Did you mean "scripted"'],
])('%s is unknown: %s', (name, hint) => {
  const error = errorOf(find(name, 'http://127.0.0.1/v1'));
  expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
  expect(error.message).toContain(hint);
});

test('an unknown name that resembles no other lists the known names', () => {
  const { message } = errorOf(find('zzzzzzzz'));
  expect(message).not.toContain('Did you mean');
  for (const { name } of VENDORS) expect(message).toContain(name);
  for (const name of ['openai', 'local', 'scripted']) expect(message).toContain(name);
});

/** Creates providers with a `fetch` that records the requests and fails. */
function recordingProviders(env: Parameters<typeof createProviders>[0]) {
  const sent: { url: string; body: JsonObject }[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit) => {
    sent.push({ url: String(input), body: JSON.parse(String(init?.body)) });
    return Response.json({}, { status: 500 });
  };
  return { sent, providers: createProviders(env, { fetch }) };
}

test('a vendor whose package lacks schemas is called by it for images alone', async () => {
  const { sent, providers } = recordingProviders({ keys: { togetherai: 'key-of-together' } });
  const model = modelRef({ provider: 'together.ai', request_params: { seed: 1 } });
  const together = answerOf(findProvider(providers, model));
  expect(together.name).toBe('togetherai');
  const output_schema = { type: 'object' };
  const request = modelRequest('Hi', { model, output_schema });
  await together.generate(request, { signal: unabortedSignal() });
  await together.generateImage?.({ model, prompt: 'A cat' }, { signal: unabortedSignal() });
  const url = 'https://api.together.xyz/v1';
  expect(sent).toMatchObject([
    {
      url: `${url}/chat/completions`,
      body: { response_format: { json_schema: { strict: false, schema: output_schema } } },
    },
    { url: `${url}/images/generations`, body: { prompt: 'A cat', response_format: 'base64' } },
  ]);
});

test('parameters of a package without a vendor are sent as they are written', async () => {
  const packages = ['@ai-sdk/openai-compatible'];
  const { sent, providers } = recordingProviders({ packages });
  const request_params = { reasoning_effort: 'medium', parallel_tool_calls: false };
  const model = modelRef({
    ...{ provider: `npm:${packages[0]}`, base_url: 'https://llm.example.com/v1', request_params },
  });
  const own = answerOf(findProvider(providers, model));
  await own.generate(modelRequest('Hi', { model }), { signal: unabortedSignal() });
  expect(sent).toMatchObject([{ body: request_params }]);
});
