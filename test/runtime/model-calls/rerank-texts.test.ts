import { expect, test } from 'vitest';
import type { ModelProvider, Ranking, RerankRequest } from '../../../src/contracts/agents/model.ts';
import type { Outcome } from '../../../src/contracts/errors.ts';
import { localProvider } from '../../../src/providers/local.ts';
import { scriptedProvider } from '../../../src/providers/scripted.ts';
import {
  MAX_RERANKED_BYTES,
  RERANK_MS,
  rerankTexts,
} from '../../../src/runtime/model-calls/rerank-texts.ts';
import { modelRef, unabortedSignal } from '../../providers/requests.ts';

// A call of a reranker: its time limit, the bounds of texts, and providers that cannot rank.

const request = {
  ...{ tenantId: 't', query: 'tea', documents: ['milk', 'tea'] },
  ...{ model: modelRef({ name: 'judge' }), signal: unabortedSignal() },
  begin: async () => ({ end: async () => {} }),
};
const found = (value: ModelProvider) => () => ({ ok: true as const, value });
const rankingBy = (rerank: (request: RerankRequest) => Promise<Outcome<Ranking>>) =>
  found({ ...scriptedProvider(), rerank });

test('a model that does not answer is late', async () => {
  const script = [{ scores: { milk: 1, tea: 2 }, delay_ms: 60_000 }];
  const model = modelRef({ name: 'judge', request_params: { script } });
  const outcome = await rerankTexts(found(scriptedProvider()), { ...request, model }, 20);
  expect(outcome).toMatchObject({
    error: { code: 'timeout', message: 'The model judge did not answer within 0.02 seconds.' },
  });
  expect(RERANK_MS).toBe(5_000);
});

test('no model is asked beyond a limit of calls', async () => {
  const asked: RerankRequest[] = [];
  const provider = rankingBy(async (one) => {
    asked.push(one);
    return { ok: true, value: { documents: [], usage: { tokens_in: 4, tokens_out: 1 } } };
  });
  const ended: (number | undefined)[] = [];
  const end = async (tokens?: number) => void ended.push(tokens);
  await rerankTexts(provider, { ...request, begin: async () => ({ end }) });
  expect([asked.length, ended]).toEqual([1, [5]]);
  const full = { ...request, begin: async () => ({ wait_ms: 1500 }) };
  expect(await rerankTexts(provider, full)).toMatchObject({
    ok: false,
    error: { code: 'limit_reached', retryable: true, retry_after_ms: 1500 },
  });
  expect([asked.length, ended]).toEqual([1, [5]]);
  // a model that fails ends its call too
  const failing = rankingBy(async () => Promise.reject(new Error('broken')));
  await rerankTexts(failing, { ...request, begin: async () => ({ end }) });
  expect(ended).toEqual([5, 0]);
});

test('the end of the run is no time-out', async () => {
  const script = [{ scores: { milk: 1, tea: 2 }, delay_ms: 60_000 }];
  const model = modelRef({ name: 'judge', request_params: { script } });
  const ended = { ...request, model, signal: AbortSignal.abort() };
  const outcome = await rerankTexts(found(scriptedProvider()), ended);
  expect(outcome).toMatchObject({ error: { code: 'cancelled' } });
});

test('texts are cut to a number of bytes, between characters', async () => {
  const sent: RerankRequest[] = [];
  const provider = rankingBy(async (asked) => {
    sent.push(asked);
    return { ok: true, value: { documents: [] } };
  });
  const long = `a${'ü'.repeat(MAX_RERANKED_BYTES)}`;
  await rerankTexts(provider, { ...request, query: long, documents: [long, 'short'] });
  const { query, documents } = sent[0] as RerankRequest;
  expect(documents[1]).toBe('short');
  for (const text of [query, documents[0] as string]) {
    expect(Buffer.byteLength(text)).toBe(MAX_RERANKED_BYTES - 1);
    expect(text).toMatch(/^aü+$/);
  }
});

test.each<[string, () => Outcome<ModelProvider>, string]>([
  ['without rankings', found(localProvider()), 'invalid_request'],
  ['that throws', rankingBy(() => Promise.reject(new Error('no'))), 'internal'],
  [
    'that is unknown',
    () => ({ ok: false, error: { code: 'not_found', message: 'no', retryable: false } }),
    'not_found',
  ],
])('a provider %s is a failure', async (_, provider, code) => {
  expect(await rerankTexts(provider, request)).toMatchObject({ ok: false, error: { code } });
});
