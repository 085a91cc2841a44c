import { afterAll, describe, expect, test } from 'vitest';
import {
  type FakeHandler,
  type FakeServer,
  startOpenAiServer,
} from '../../chaos/load/openai-server.ts';
import type { ModelProvider, ModelRef } from '../../src/contracts/agents/model.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { localProvider } from '../../src/providers/local.ts';
import { openaiProvider } from '../../src/providers/openai.ts';
import { createProviders, findProvider } from '../../src/providers/registry.ts';
import { scriptedProvider } from '../../src/providers/scripted.ts';
import { withSecret } from '../../src/providers/with-secret.ts';
import { answerOf, errorOf, modelRef, unabortedSignal } from './requests.ts';

const KEY = 'sk-test-0123456789abcdef';
const JSON_TYPE = { 'content-type': 'application/json' };
const DOCUMENTS = ['Bananas are yellow.', '', 'The parcel arrived.'];
const RANKED = [
  { index: 2, score: 0.9 },
  { index: 0, score: 0.2 },
  { index: 1, score: 0.2 },
];
const open: FakeServer[] = [];
afterAll(() => Promise.all(open.map((server) => server.close())));

const rankWith = async (
  at: ModelProvider,
  model: ModelRef,
  { documents = DOCUMENTS, signal = unabortedSignal(), key = undefined as string | undefined } = {},
) =>
  at.rerank?.({ model, query: 'Where is it?', documents }, { signal, ...(key && { key }) }) ??
  Promise.reject(new Error(`${at.name} does not rerank`));

async function startProvider(handler: FakeHandler, provider = 'openai', patienceMs = 60_000) {
  const server = await startOpenAiServer(handler);
  open.push(server);
  const model = (request_params: JsonObject = {}) =>
    modelRef({
      ...{ provider, model: 'm', base_url: server.url, request_params },
      secret_name: 'vendor',
    });
  const limits = { first_chunk_ms: patienceMs, between_chunks_ms: patienceMs };
  const at =
    provider === 'openai'
      ? openaiProvider({ env: {}, limits })
      : answerOf(findProvider(createProviders({}), model()));
  return { server, at, model };
}

const ranked = (body: unknown): FakeHandler => {
  const raw = JSON.stringify(body);
  return () => ({ raw, headers: JSON_TYPE });
};
/** Returns an answer in the format of Jina and Cohere. */
const results = (scores: [number, number][]) =>
  scores.map(([index, relevance_score]) => ({ index, relevance_score, document: { text: 'x' } }));
const SCORES = results([
  [1, 0.2],
  [0, 0.2],
  [2, 0.9],
]);

describe("the format of Jina and Cohere, beside OpenAI's", () => {
  test('sends query and documents, and returns the most relevant ones first', async () => {
    const answer = { results: SCORES, usage: { total_tokens: 12 } };
    const { server, at, model } = await startProvider(ranked(answer));
    const params = { query: 'x', max_tokens_per_doc: 9 };
    const found = answerOf(await rankWith(at, model(params), { key: KEY }));
    expect(found).toEqual({ documents: RANKED, usage: { tokens_in: 12, tokens_out: 0 } });
    const documents = ['Bananas are yellow.', ' ', 'The parcel arrived.'];
    expect(server.requests[0]).toMatchObject({ path: '/v1/rerank' });
    expect(server.requests[0]?.body).toEqual({
      ...{ model: 'm', query: 'Where is it?', documents, max_tokens_per_doc: 9 },
    });
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  test.each([
    ['Voyage', { data: SCORES, usage: { total_tokens: 12 } }],
    ['servers that say score', { results: RANKED }],
  ])('understands the answer of %s', async (_, answer) => {
    const { at, model } = await startProvider(ranked(answer));
    expect(answerOf(await rankWith(at, model())).documents).toEqual(RANKED);
  });

  test('returns fewer documents only with top_n', async () => {
    const { at, model } = await startProvider(ranked({ results: results([[2, 0.9]]) }));
    expect(errorOf(await rankWith(at, model())).code).toBe('bad_answer');
    const { documents } = answerOf(await rankWith(at, model({ top_n: 1 })));
    expect(documents).toEqual([{ index: 2, score: 0.9 }]);
  });

  test('without documents sends no request', async () => {
    const { server, at, model } = await startProvider(ranked({}));
    expect(answerOf(await rankWith(at, model(), { documents: [] })).documents).toEqual([]);
    expect(server.requests).toHaveLength(0);
  });

  test.each([
    [{ status: 401, error: { message: `bad ${KEY}` } }, 'unauthorized', false],
    [{ status: 404 }, 'not_found', false],
    [{ status: 429, headers: { 'retry-after': '2' } }, 'rate_limited', true],
    [{ status: 503 }, 'overloaded', true],
    [{ reset: true }, 'unreachable', true],
    [{ stall: 'before_headers' as const }, 'timeout', true],
    [{ raw: '<html>', headers: { 'content-type': 'text/html' } }, 'bad_answer', true],
    [{ raw: '{"results": "none"}', headers: JSON_TYPE }, 'bad_answer', true],
    [{ raw: '[', headers: JSON_TYPE }, 'bad_answer', true],
  ])('with the answer %j fails as %s', async (answer, code, retryable) => {
    const patience = 'stall' in answer ? 200 : undefined;
    const { server, at, model } = await startProvider(() => answer, 'openai', patience);
    const error = errorOf(await rankWith(at, model(), { key: KEY }));
    expect(error).toMatchObject({ code, retryable });
    expect(JSON.stringify(error)).not.toContain(KEY);
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    [
      'a document twice',
      [
        [0, 1],
        [0, 1],
        [2, 1],
      ],
    ],
    [
      'an unknown document',
      [
        [0, 1],
        [1, 1],
        [3, 1],
      ],
    ],
    [
      'a broken index',
      [
        [0, 1],
        [1, 1],
        [1.5, 1],
      ],
    ],
    [
      'no score',
      [
        [0, 1],
        [1, 1],
        [2, null],
      ],
    ],
  ] as const)('a ranking with %s is a bad answer', async (_, scores) => {
    const answer = { results: results(scores as unknown as [number, number][]) };
    const { at, model } = await startProvider(ranked(answer));
    expect(errorOf(await rankWith(at, model())).code).toBe('bad_answer');
  });

  test('ends when the signal fires, before and during the call', async () => {
    const controller = new AbortController();
    const { server, at, model } = await startProvider(() => {
      controller.abort();
      return { stall: 'before_headers' };
    });
    const early = await rankWith(at, model(), { signal: AbortSignal.abort() });
    expect([errorOf(early).code, server.requests.length]).toEqual(['cancelled', 0]);
    const { signal } = controller;
    expect(errorOf(await rankWith(at, model(), { signal })).code).toBe('cancelled');
  });

  test('is not that of OpenAI, which has no such models', async () => {
    const at = openaiProvider({ env: { apiKey: KEY }, fetch: () => Promise.reject(new Error()) });
    expect(errorOf(await rankWith(at, modelRef())).code).toBe('invalid_request');
  });

  test('the key is that of the secret', async () => {
    const { server, at, model } = await startProvider(ranked({ results: SCORES }));
    const read = async (name: string) => ({ ok: true as const, value: `key-of-${name}` });
    answerOf(await rankWith(withSecret(at, model(), read), model()));
    expect(server.requests[0]?.headers.authorization).toBe('Bearer key-of-vendor');
    expect(withSecret(localProvider(), model(), read).rerank).toBeUndefined();
  });
});

/** The request that the package of each vendor sends, and the answer it receives. */
const VENDORS: Record<string, { path: string; sent: JsonObject; answer: JsonObject }> = {
  cohere: {
    path: '/v1/rerank',
    sent: { model: 'm', query: 'Where is it?', top_n: 3, priority: 5 },
    answer: { id: '1', results: SCORES, meta: {} },
  },
  'amazon-bedrock': {
    path: '/v1/rerank',
    sent: { queries: [{ textQuery: { text: 'Where is it?' }, type: 'TEXT' }], priority: 5 },
    answer: {
      results: SCORES.map((one) => ({ index: one.index, relevanceScore: one.relevance_score })),
    },
  },
};

describe.each(Object.entries(VENDORS))('%s by its package', (name, { path, sent, answer }) => {
  const params = {
    top_n: 3,
    priority: 5,
    ...(name === 'amazon-bedrock' && { region: 'eu-west-1' }),
  };

  test('reranks', async () => {
    const { server, at, model } = await startProvider(ranked(answer), name);
    const { documents } = answerOf(await rankWith(at, model(params), { key: KEY }));
    expect(documents).toEqual(RANKED);
    expect(server.requests[0]).toMatchObject({ path, body: sent });
    expect(JSON.stringify(server.requests[0]?.headers)).toContain(KEY);
  });

  test.each([
    [{ status: 401, error: { message: `bad ${KEY}` } }, 'unauthorized', false],
    [{ status: 429, headers: { 'retry-after': '2' } }, 'rate_limited', true],
    [{ reset: true }, 'unreachable', true],
    [{ raw: '{}', headers: JSON_TYPE }, 'bad_answer', true],
  ])('with the answer %j fails as %s', async (failing, code, retryable) => {
    const { server, at, model } = await startProvider(() => failing, name);
    const error = errorOf(await rankWith(at, model(params), { key: KEY }));
    expect(error).toMatchObject({ code, retryable });
    expect(JSON.stringify(error)).not.toContain(KEY);
    expect(server.requests).toHaveLength(1);
  });
});

test('Bedrock reranks at an address of its own', async () => {
  const urls: string[] = [];
  const fetch = async (input: string | URL | Request) => {
    urls.push(String(input));
    return Response.json(VENDORS['amazon-bedrock']?.answer);
  };
  const request_params = { region: 'eu-west-1' };
  const model = modelRef({ provider: 'amazon-bedrock', model: 'm', request_params });
  const keys = { 'amazon-bedrock': KEY };
  const at = answerOf(findProvider(createProviders({ keys }, { fetch }), model));
  answerOf(await rankWith(at, model));
  expect(urls).toEqual(['https://bedrock-agent-runtime.eu-west-1.amazonaws.com/rerank']);
});

test.each(['anthropic', 'google', 'groq', 'xai'])('%s has no models that rerank', async (name) => {
  const model = modelRef({ provider: name, base_url: 'http://127.0.0.1:1' });
  const at = answerOf(findProvider(createProviders({}), model));
  const error = errorOf(await rankWith(at, model));
  expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
  expect(error.message).toContain('rerank');
});

test('a script gives scores by words, and local has none', async () => {
  const model = (script: JsonObject[]) => modelRef({ request_params: { script } });
  const scores = { scores: { parcel: 0.9, Bananas: 0.2 } };
  const documents = ['Bananas', 'a parcel'];
  const found = answerOf(await rankWith(scriptedProvider(), model([scores]), { documents }));
  expect(found.documents).toEqual([
    { index: 1, score: 0.9 },
    { index: 0, score: 0.2 },
  ]);
  const missing = await rankWith(scriptedProvider(), model([scores]), { documents: ['other'] });
  expect(errorOf(missing).code).toBe('script_mismatch');
  expect((localProvider() as ModelProvider).rerank).toBeUndefined();
});
