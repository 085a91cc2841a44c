import { afterAll, describe, expect, test } from 'vitest';
import {
  type FakeHandler,
  type FakeServer,
  startOpenAiServer,
} from '../../chaos/load/openai-server.ts';
import type { EmbedRequest, ModelProvider, ModelRef } from '../../src/contracts/agents/model.ts';
import { localProvider } from '../../src/providers/local.ts';
import { openaiProvider } from '../../src/providers/openai.ts';
import { createScriptedProvider, scriptedProvider } from '../../src/providers/scripted.ts';
import { withSecret } from '../../src/providers/with-secret.ts';
import { cosine } from '../../src/runtime/model-calls/text-similarity.ts';
import { answerOf, errorOf, modelRef, modelRequest, unabortedSignal } from './requests.ts';

const KEY = 'sk-test-0123456789abcdef';
const open: FakeServer[] = [];
afterAll(() => Promise.all(open.map((server) => server.close())));

/**
 * Starts a server, and returns it with a provider that has this timeout. The timeout is short only
 * where the server stalls.
 */
async function startProvider(
  handler: FakeHandler,
  patienceMs = 60_000,
): Promise<{ server: FakeServer; at: ModelProvider }> {
  const server = await startOpenAiServer(handler);
  open.push(server);
  const limits = { first_chunk_ms: patienceMs, between_chunks_ms: patienceMs };
  return { server, at: openaiProvider({ env: { apiKey: KEY, baseUrl: server.url }, limits }) };
}

const embedding = (texts: string[], model: Partial<ModelRef> = {}): EmbedRequest => {
  return { model: modelRef(model), texts };
};
const embed = (provider: ModelProvider, request: EmbedRequest, signal = unabortedSignal()) => {
  if (!provider.embed) throw new Error(`${provider.name} makes no embeddings`);
  return provider.embed(request, { signal });
};
const lengthOf: FakeHandler = ({ body }) => {
  return { vectors: (body.input as string[]).map((text) => [text.length, 1]) };
};

const { at: served } = await startProvider(lengthOf);
const script = [{ vectors: { parcel: [1, 0], e: [0, 1] } }];
const subjects: [string, ModelProvider, Partial<ModelRef>][] = [
  ['openai', served, {}],
  ['local', localProvider(), {}],
  ['scripted', scriptedProvider(), { provider: 'scripted', request_params: { script } }],
];

describe.each(subjects)('embeddings of %s', (_name, provider, model) => {
  test('are vectors of equal length in the order of the texts, with usage, and deterministic', async () => {
    const texts = ['a parcel', 'the weather', 'another parcel of mine'];
    const { vectors, usage } = answerOf(await embed(provider, embedding(texts, model)));
    expect(new Set(vectors.map(({ length }) => length)).size).toBe(1);
    expect(vectors).toHaveLength(3);
    expect(usage.tokens_in).toBeGreaterThan(0);
    expect(usage.tokens_out).toBe(0);
    const turned = answerOf(await embed(provider, embedding(texts.toReversed(), model)));
    expect(turned.vectors.toReversed()).toEqual(vectors);
  });

  test('are not requested once the signal has fired', async () => {
    const outcome = await embed(provider, embedding(['a parcel'], model), AbortSignal.abort());
    expect(errorOf(outcome).code).toBe('cancelled');
  });

  test('never throw', async () => {
    for (const texts of [[], [''], ['\u0000 \ud800 🙂']]) {
      const outcome = await embed(provider, embedding(texts, model));
      expect(typeof outcome.ok).toBe('boolean');
    }
  });
});

describe('the wire format', () => {
  test('sends model, texts and parameters, and no parameter replaces the texts', async () => {
    const { server, at } = await startProvider(lengthOf);
    const request_params = { dimensions: 2, input: 'other', encoding_format: 'base64' };
    const model = { model: 'text-embedding-3-small', request_params };
    const answer = answerOf(await embed(at, embedding(['one', ''], model)));
    expect(answer).toEqual({
      vectors: [
        [3, 1],
        [1, 1],
      ],
      usage: { tokens_in: 11, tokens_out: 0 },
    });
    expect(server.requests).toMatchObject([
      {
        path: '/v1/embeddings',
        body: {
          model: 'text-embedding-3-small',
          input: ['one', ' '],
          dimensions: 2,
          encoding_format: 'float',
        },
        headers: { authorization: `Bearer ${KEY}`, 'user-agent': 'howdah' },
      },
    ]);
  });

  test('sends 32 texts per request and counts all of them', async () => {
    const { server, at } = await startProvider(lengthOf);
    const texts = Array.from({ length: 70 }, (_, at) => 'x'.repeat(at + 1));
    const { vectors, usage } = answerOf(await embed(at, embedding(texts)));
    expect(vectors.map(([length]) => length)).toEqual(texts.map(({ length }) => length));
    expect(server.requests.map(({ body }) => (body.input as string[]).length)).toEqual([32, 32, 6]);
    expect(usage).toEqual({ tokens_in: 33, tokens_out: 0 });
  });

  test('accepts vectors in any order, and no usage', async () => {
    const data = [
      { index: 1, embedding: [2] },
      { index: 0, embedding: [1] },
    ];
    const { at } = await startProvider(() => ({
      raw: JSON.stringify({ data }),
      headers: JSON_TYPE,
    }));
    const answer = answerOf(await embed(at, embedding(['abcd', 'efgh'])));
    expect(answer).toEqual({ vectors: [[1], [2]], usage: { tokens_in: 2, tokens_out: 0 } });
  });

  test.each([-1, 1e12, 'many'])('ignores an implausible token count of %s', async (tokens) => {
    const body = { data: [{ index: 0, embedding: [1] }], usage: { prompt_tokens: tokens } };
    const { at } = await startProvider(() => ({ raw: JSON.stringify(body), headers: JSON_TYPE }));
    const { usage } = answerOf(await embed(at, embedding(['abcd'])));
    expect(usage).toEqual({ tokens_in: 1, tokens_out: 0 });
  });

  test.each([
    [{ status: 400 }, 'invalid_request', false],
    [{ status: 401 }, 'unauthorized', false],
    [{ status: 404 }, 'not_found', false],
    [{ status: 429, headers: { 'retry-after': '2' } }, 'rate_limited', true],
    [{ status: 503 }, 'overloaded', true],
    [{ reset: true }, 'unreachable', true],
    [{ stall: 'before_headers' as const }, 'timeout', true],
    [{ stall: 5, vectors: [[1]] }, 'timeout', true],
    [{ raw: '<html>', headers: { 'content-type': 'text/html' } }, 'bad_answer', true],
    [{ raw: '{"data": ' }, 'bad_answer', true],
    [{ raw: '{"error": {"message": "no"}}' }, 'bad_answer', true],
    [{ raw: '{"data": []}' }, 'bad_answer', true],
    [{ raw: '{"data": [{"embedding": []}]}' }, 'bad_answer', true],
    [{ raw: '{"data": [{"embedding": ["1"]}]}' }, 'bad_answer', true],
    [{ raw: '{"data": [{"index": 7, "embedding": [1]}]}' }, 'bad_answer', true],
    [{ raw: '{"data": [{"index": -1, "embedding": [1]}]}' }, 'bad_answer', true],
    [{ raw: 'null' }, 'bad_answer', true],
  ])('with the answer %j fails as %s', async (answer, code, retryable) => {
    const { server, at } = await startProvider(() => answer, 'stall' in answer ? 200 : undefined);
    const error = errorOf(await embed(at, embedding(['one'])));
    expect(error).toMatchObject({ code, retryable });
    expect(error.message).toMatch(/^[A-Z0-9].*[.!?…]$/s);
    expect(JSON.stringify(error)).not.toContain(KEY);
    expect(server.requests).toHaveLength(1);
  });

  test('ends with the signal, and stops after a failed batch', async () => {
    const controller = new AbortController();
    const { at } = await startProvider(() => {
      controller.abort();
      return { stall: 'before_headers' };
    });
    expect(errorOf(await embed(at, embedding(['one']), controller.signal)).code).toBe('cancelled');
    const broken = await startProvider(({ index, ...request }) =>
      index === 0 ? lengthOf({ index, ...request }) : { status: 500 },
    );
    const texts = Array.from({ length: 70 }, () => 'x');
    expect(errorOf(await embed(broken.at, embedding(texts))).code).toBe('overloaded');
    expect(broken.server.requests).toHaveLength(2);
  });

  test('sends the key from the secret that the model names', async () => {
    const { server, at } = await startProvider(lengthOf);
    const model = modelRef({ secret_name: 'embedder', base_url: server.url });
    const read = async (name: string) => ({ ok: true as const, value: `key-of-${name}` });
    answerOf(await embed(withSecret(at, model, read), { model, texts: ['one'] }));
    expect(server.requests[0]?.headers.authorization).toBe('Bearer key-of-embedder');
    const none = withSecret({ name: 'none', generate: at.generate }, model, read);
    expect(none.embed).toBeUndefined();
  });
});

const JSON_TYPE = { 'content-type': 'application/json' };

describe('the local model', () => {
  const nearnessOf = async (...texts: [string, string]) => {
    const { vectors } = answerOf(await embed(localProvider(), embedding(texts)));
    const [a = [], b = []] = vectors;
    return cosine(a, b);
  };

  test('finds texts that share words or parts of words', async () => {
    expect(await nearnessOf('Where is my parcel?', 'Where is my parcel?')).toBe(1);
    const related = await nearnessOf('the delivery of parcels', 'My parcel was not delivered');
    expect(related).toBeGreaterThan(0.4);
    expect(await nearnessOf('Rechnungen', 'die Monatsrechnung')).toBeGreaterThan(0.3);
    expect(await nearnessOf('the delivery of parcels', 'weather in Bonn')).toBeLessThan(0.1);
  });

  test('returns vectors of length 1, and none for a text without meaningful words', async () => {
    const { vectors } = answerOf(await embed(localProvider(), embedding(['parcels', 'is it me?'])));
    expect(vectors.map((vector) => Math.hypot(...vector))).toEqual([expect.closeTo(1), 0]);
  });
});

describe('the script', () => {
  const scripted = { provider: 'scripted' };

  test('fails as scripted, then selects vectors by the content of a text', async () => {
    const { provider, embeds, calls } = createScriptedProvider([
      { error: { status: 429, retry_after_ms: 5 }, times: 1 },
      { vectors: { parcel: [1, 0], e: [0, 1] }, usage: { tokens_in: 7 } },
    ]);
    const request = embedding(['the weather', 'the parcel'], scripted);
    const failure = errorOf(await embed(provider, request));
    expect(failure).toMatchObject({ code: 'rate_limited', retry_after_ms: 5 });
    expect(answerOf(await embed(provider, request))).toEqual({
      vectors: [
        [0, 1],
        [1, 0],
      ],
      usage: { tokens_in: 7, tokens_out: 0 },
    });
    expect([embeds, calls]).toEqual([[request, request], []]);
  });

  test('reports a text without a vector, and a conversation request', async () => {
    const { provider } = createScriptedProvider([{ vectors: { parcel: [1] } }]);
    const lost = errorOf(await embed(provider, embedding(['rain'], scripted)));
    expect(lost).toMatchObject({
      code: 'script_mismatch',
      message: expect.stringMatching(/"rain".*parcel/),
    });
    const result = await provider.generate(modelRequest('Hi'), { signal: unabortedSignal() });
    expect(errorOf(result).code).toBe('script_mismatch');
    const talking = createScriptedProvider([{ content: 'Hi' }]).provider;
    expect(errorOf(await embed(talking, embedding(['rain']))).code).toBe('script_mismatch');
  });

  test('with both an answer and vectors is rejected', async () => {
    const { provider } = createScriptedProvider([{ content: 'Hi', vectors: { a: [1] } }]);
    expect(errorOf(await embed(provider, embedding(['a']))).code).toBe('invalid_request');
  });
});
