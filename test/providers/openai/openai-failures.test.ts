import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { retryAfterMs } from '../../../src/network/retry-after.ts';
import { waitingTimeMs } from '../../../src/providers/http/waiting-times.ts';
import { openaiProvider } from '../../../src/providers/openai.ts';
import { errorOf, modelRef, modelRequest, unabortedSignal } from '../requests.ts';

const KEY = 'sk-test-0123456789abcdef';
const open: FakeServer[] = [];
afterAll(() => Promise.all(open.map((server) => server.close())));

/** Long enough for a request to reach the server on a busy machine. */
const LIMITS = { first_chunk_ms: 500, between_chunks_ms: 500 };

async function failureOf(answer: FakeAnswer, limits?: Partial<typeof LIMITS>) {
  const server = await startOpenAiServer([answer]);
  open.push(server);
  const provider = openaiProvider({ env: { apiKey: KEY, baseUrl: server.url }, limits });
  const error = errorOf(await provider.generate(modelRequest('Hi'), { signal: unabortedSignal() }));
  // A busy machine may need longer than a limit to send the request.
  expect(server.requests.length).toBeGreaterThanOrEqual(limits ? 0 : 1);
  expect(server.requests.length).toBeLessThanOrEqual(1);
  expect(JSON.stringify(error)).not.toContain(KEY);
  expect(error.message).toMatch(/^[A-Z0-9].*[.!?…]$/s);
  return error;
}

describe('status code', () => {
  test.each([
    [400, 'invalid_request', false],
    [401, 'unauthorized', false],
    [402, 'quota_exhausted', false],
    [403, 'unauthorized', false],
    [404, 'not_found', false],
    [408, 'timeout', true],
    [409, 'overloaded', true],
    [413, 'context_too_long', false],
    [418, 'invalid_request', false],
    [422, 'invalid_request', false],
    [425, 'overloaded', true],
    [429, 'rate_limited', true],
    [498, 'overloaded', true],
    [499, 'overloaded', true],
    [500, 'overloaded', true],
    [502, 'overloaded', true],
    [503, 'overloaded', true],
    [504, 'timeout', true],
    [529, 'overloaded', true],
  ])('%i fails as %s', async (status, code, retryable) => {
    expect(await failureOf({ status })).toMatchObject({ code, retryable, cause: { status } });
  });

  test.each([
    ['context_length_exceeded', 'too much', 'context_too_long'],
    [null, "This model's maximum context length is 8192 tokens.", 'context_too_long'],
    ['content_filter', 'filtered', 'content_filtered'],
  ])('400 with code %s fails as %s', async (vendorCode, message, code) => {
    const error = await failureOf({ status: 400, error: { code: vendorCode, message } });
    expect(error).toMatchObject({ code, retryable: false });
    expect(error.message).toContain(message);
  });

  test.each<[string, number, object]>([
    ['OpenAI', 429, { code: 'insufficient_quota', message: 'You exceeded your current quota.' }],
    ['Anthropic', 400, { message: 'Your credit balance is too low to access the API.' }],
    ['DeepSeek', 402, { message: 'Insufficient Balance' }],
    ['OpenRouter', 403, { code: 403, message: 'Key limit exceeded (total limit).' }],
    ['Groq', 429, { message: 'Rate limit reached on tokens per day (TPD): Limit 100000.' }],
    [
      'Google',
      429,
      {
        status: 'RESOURCE_EXHAUSTED',
        message: 'You exceeded your current quota. Please retry in 40s.',
        details: [{ violations: [{ quotaId: 'GenerateRequestsPerDayPerProject-FreeTier' }] }],
      },
    ],
  ])('%s: used up credit is not waited for', async (_, status, error) => {
    const failure = await failureOf({ status, error: error as never });
    expect(failure).toMatchObject({ code: 'quota_exhausted', retryable: false });
    expect(failure.retry_after_ms).toBeUndefined();
  });

  test.each<[string, object, string]>([
    ['a status', { message: 'Upstream rate-limited', code: 429 }, 'rate_limited'],
    ['a status as text', { message: 'busy', code: '503' }, 'overloaded'],
    ['a type', { message: 'busy', type: 'overloaded_error' }, 'overloaded'],
    ['a status of Google', { message: 'busy', status: 'UNAVAILABLE' }, 'overloaded'],
    ['a code', { message: 'no', code: 'insufficient_quota' }, 'quota_exhausted'],
    ['another type', { message: 'no', type: 'invalid_request_error' }, 'invalid_request'],
  ])('an error in a 200 counts by %s', async (_, error, code) => {
    const headers = { 'content-type': 'application/json' };
    expect(await failureOf({ raw: JSON.stringify({ error }), headers })).toMatchObject({ code });
    expect(await failureOf({ chunks: [{ error } as never] })).toMatchObject({ code });
  });

  test.each<[string, object, string]>([
    [
      'context_too_long',
      { message: "This model's maximum context length is 4096 tokens.", code: 400 },
      'BadRequestError',
    ],
    ['overloaded', { message: 'The engine is busy.', code: 503 }, 'ServiceUnavailableError'],
  ])('an error of vLLM in a 200 is %s', async (code, fields, type) => {
    const error = { object: 'error', type, ...fields };
    const headers = { 'content-type': 'application/json' };
    expect(await failureOf({ raw: JSON.stringify(error), headers })).toMatchObject({ code });
    expect(await failureOf({ chunks: [error as never] })).toMatchObject({ code });
  });

  test('a redirect is not followed', async () => {
    const headers = { location: 'http://127.0.0.1:1/' };
    expect(await failureOf({ status: 307, headers })).toMatchObject({ code: 'invalid_request' });
  });

  test.each<[string, FakeAnswer]>([
    ['OpenAI', { error: { message: `Incorrect API key provided: ${KEY}.` } }],
    ['a string', { error: `no such model ${KEY}` }],
    ['an HTML page', { raw: `<html><style>x</style><h1>Bad ${KEY}</h1></html>` }],
    ['Google', { raw: `[{"error":{"code":503,"message":"busy ${KEY}","status":"UNAVAILABLE"}}]` }],
    ['FastAPI', { raw: `{"detail":"busy ${KEY}"}` }],
  ])('an error body written as %s is reported without the key', async (_, answer) => {
    const error = await failureOf({ status: 503, ...answer });
    expect(error.message).toContain('***');
    expect(error.message).not.toMatch(/[<{]/);
  });
});

describe('Retry-After', () => {
  test.each([
    ['retry-after', '7', 7000],
    ['retry-after', '0.5', 500],
    ['retry-after-ms', '1234', 1234],
    ['x-ratelimit-reset', '3', 3000],
  ])('%s: %s', async (name, value, ms) => {
    const headers = { [name]: value };
    expect(await failureOf({ status: 429, headers })).toMatchObject({ retry_after_ms: ms });
    expect(await failureOf({ status: 503, headers })).toMatchObject({ retry_after_ms: ms });
  });

  test.each([
    ['Fri, 01 Aug 2025 00:00:30 GMT', 30_000],
    ['Thu, 31 Jul 2025 00:00:00 GMT', 0],
    ['Fri, 01 Aug 2099 00:00:00 GMT', 86_400_000],
    ['99999999999999999999', 86_400_000],
    ['-5', undefined],
    ['soon', undefined],
    ['NaN', undefined],
    ['', undefined],
  ])('accepts a date and ignores nonsense: %s', (value, ms) => {
    const now = Date.parse('2025-08-01T00:00:00Z');
    expect(retryAfterMs(new Headers({ 'retry-after': value }), now)).toBe(ms);
  });

  test.each<[string, object, number | undefined]>([
    ['Google', { details: [{ retryDelay: '3s' }], message: 'Please retry in 3.5s.' }, 3000],
    ['a sentence of Google', { message: 'Please retry in 3.5s.' }, 3500],
    ['a sentence of OpenAI', { message: 'Limit 3. Please try again in 1m2.5s. Visit …' }, 62_500],
    ['milliseconds of OpenAI', { message: 'Please try again in 20ms.' }, 20],
    ['a sentence of Azure', { message: 'Please retry after 26 seconds.' }, 26_000],
    ['a gateway', { message: 'busy', metadata: { retry_after: 9 } }, 9000],
    ['no time', { message: 'Please try again later.' }, undefined],
  ])('in the body: %s', async (_, error, ms) => {
    const failure = await failureOf({ status: 429, error: error as never });
    expect(failure.retry_after_ms).toBe(ms);
  });

  test.each<[Record<string, string>, number | undefined]>([
    [{ 'x-ratelimit-reset-requests': '6m0s' }, 360_000],
    [{ 'x-ratelimit-reset-tokens': '1.5s', 'x-ratelimit-remaining-tokens': '3' }, 1500],
    [{ 'x-ratelimit-reset-requests': '9m', 'x-ratelimit-remaining-requests': '3' }, undefined],
    [{ 'x-ratelimit-reset-requests': 'soon' }, undefined],
  ])('in headers of limits: %j', async (headers, ms) => {
    expect((await failureOf({ status: 429, headers })).retry_after_ms).toBe(ms);
  });

  test('as a time of Anthropic, for limits that are used up', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    const headers = new Headers({
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:07Z',
      'anthropic-ratelimit-other-remaining': '5',
      'anthropic-ratelimit-other-reset': '2026-01-01T00:09:00Z',
    });
    const report = { message: '', code: null, codes: [], error: {} };
    expect(waitingTimeMs(headers, report, now)).toBe(7000);
  });

  test('accepts a reset as an epoch in s or ms', () => {
    const now = 1_750_000_000_000;
    const ms = (value: string) => retryAfterMs(new Headers({ 'x-ratelimit-reset': value }), now);
    expect([ms('1750000005'), ms('1750000005000')]).toEqual([5000, 5000]);
  });
});

describe('an invalid answer', () => {
  const whole = { 'content-type': 'application/json' };
  test.each<[string, FakeAnswer]>([
    ['an empty body', { raw: '' }],
    ['a 204', { status: 204, raw: '' }],
    ['an HTML page', { raw: '<!doctype html><p>Log in', headers: { 'content-type': 'text/html' } }],
    ['plain text', { raw: 'upstream says no', headers: { 'content-type': 'text/plain' } }],
    ['truncated JSON', { raw: '{"choices":[', headers: whole }],
    ['unrelated JSON', { raw: '{"ok":true}', headers: whole }],
    ['a number', { raw: '7', headers: whole }],
    ['an empty list of choices', { chunks: [{ choices: [] }] }],
    [
      'a list of invalid choices',
      { chunks: [{ choices: [null, 7] }, null, 'x', { choices: 'x' }] },
    ],
    ['a missing finish_reason', { content: 'Hello', finish_reason: null }],
    ['an event that is not JSON', { raw: 'data: {oops}\n\n' }],
    [
      'a legacy completion',
      { chunks: [{ choices: [{ index: 0, text: 'Hi', finish_reason: 'stop' }] }] },
    ],
    ['a stream with only [DONE]', { raw: 'data: [DONE]\n\n' }],
    ['an error in the stream', { chunks: [{ error: { message: 'GPU fell off' } }] }],
    ['an error event', { raw: 'event: error\ndata: {"message":"GPU fell off"}\n\n' }],
    ['an error in a 200 body', { raw: '{"error":{"message":"GPU fell off"}}', headers: whole }],
    ['a call without a name', { tool_calls: [{ name: '', arguments: '{}' }] }],
  ])('%s fails as a retryable bad answer', async (_, answer) => {
    expect(await failureOf(answer)).toMatchObject({ code: 'bad_answer', retryable: true });
  });

  test('longer than any model writes fails as a bad answer', async () => {
    const error = await failureOf({ content: 'x'.repeat(5_000_000) });
    expect(error).toMatchObject({ code: 'bad_answer' });
  });

  test('an error in the stream that is not retryable keeps its code', async () => {
    const error = { code: 'context_length_exceeded', message: 'too long' };
    expect(await failureOf({ chunks: [{ error }] })).toMatchObject({ code: 'context_too_long' });
  });
});

describe('times out when the server is silent', () => {
  test('before the headers', async () => {
    const error = await failureOf({ stall: 'before_headers' }, LIMITS);
    expect(error).toMatchObject({ code: 'timeout', cause: { limit: 'first_chunk_ms' } });
  });

  test('after the headers', async () => {
    const error = await failureOf({ content: 'Hello', stall: 0 }, LIMITS);
    expect(error).toMatchObject({ code: 'timeout', cause: { limit: 'first_chunk_ms' } });
  });

  test('in the middle of a stream', async () => {
    const limits = { first_chunk_ms: 60_000, between_chunks_ms: 500 };
    const error = await failureOf({ content: 'Hello there', stall: 250 }, limits);
    expect(error).toMatchObject({ code: 'timeout', cause: { limit: 'between_chunks_ms' } });
  });

  test('after the limits of its model, which are not sent', async () => {
    const server = await startOpenAiServer([{ content: 'Hello there', stall: 250 }]);
    open.push(server);
    const provider = openaiProvider({ env: { baseUrl: server.url } });
    const call = (request_params: JsonObject) =>
      provider.generate(modelRequest('Hi', { model: modelRef({ request_params }) }), {
        signal: unabortedSignal(),
      });
    const error = errorOf(await call({ between_chunks_ms: 1_000, first_chunk_ms: 60_000 }));
    expect(error).toMatchObject({
      code: 'timeout',
      cause: { limit: 'between_chunks_ms', ms: 1000 },
    });
    expect(Object.keys(server.requests[0]?.body ?? {})).not.toContain('between_chunks_ms');
    expect(errorOf(await call({ first_chunk_ms: 10 }))).toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('request_params.first_chunk_ms'),
    });
  });

  test('in the middle of an error body, and the status still counts', async () => {
    const headers = { 'retry-after': '9' };
    const error = await failureOf(
      { status: 429, headers, error: 'no', stall: 5 },
      { first_chunk_ms: 5_000 }, // the status has to arrive before
    );
    expect(error).toMatchObject({ code: 'rate_limited', retry_after_ms: 9000 });
  });
});

describe('an unreachable server', () => {
  const callOnce = async (baseUrl: string, fetch?: typeof globalThis.fetch) => {
    const provider = openaiProvider({ env: { apiKey: KEY, baseUrl }, fetch });
    return errorOf(await provider.generate(modelRequest('Hi'), { signal: unabortedSignal() }));
  };

  test('connection refused', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const error = await callOnce(`http://127.0.0.1:${port}/v1`);
    expect(error).toMatchObject({
      code: 'unreachable',
      retryable: true,
      cause: { code: 'ECONNREFUSED' },
    });
  });

  test('connection reset before an answer', async () => {
    expect(await failureOf({ reset: true })).toMatchObject({
      code: 'unreachable',
      retryable: true,
    });
  });

  test.each(['ENOTFOUND', 'EAI_AGAIN', 'ECONNRESET', 'CERT_HAS_EXPIRED'])(
    '%s fails as unreachable',
    async (code) => {
      const error = await callOnce('https://nobody.invalid/v1', async () => {
        const cause = Object.assign(new Error(`${code} with ${KEY}`), { code });
        throw new TypeError('fetch failed', { cause });
      });
      expect(error).toMatchObject({ code: 'unreachable', retryable: true, cause: { code } });
      expect(JSON.stringify(error)).not.toContain(KEY);
    },
  );

  test.each(['not a url', 'ftp://host/v1', 'http://user:secret@host/v1'])(
    'the base URL %s is rejected',
    async (url) => {
      const error = await callOnce(url);
      expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
      expect(error.message).not.toContain('secret');
    },
  );
});

test('without a key and an address the provider makes no request and names the variable to set', async () => {
  const provider = openaiProvider({ env: {}, fetch: () => Promise.reject(new Error('called')) });
  const error = errorOf(await provider.generate(modelRequest('Hi'), { signal: unabortedSignal() }));
  expect(error).toMatchObject({ code: 'unauthorized', retryable: false });
  expect(error.message).toContain('OPENAI_API_KEY');
});

test('a key with a line break is reported without showing it', async () => {
  const provider = openaiProvider({ env: { apiKey: 'sk-one\nsk-two' } });
  const error = errorOf(await provider.generate(modelRequest('Hi'), { signal: unabortedSignal() }));
  expect(error.code).toBe('unauthorized');
  expect(JSON.stringify(error)).not.toContain('sk-one');
});

test('a 401 without a key explains why none was sent', async () => {
  const server = await startOpenAiServer([{ status: 401 }]);
  open.push(server);
  const provider = openaiProvider({ env: { apiKey: KEY } });
  const model = modelRef({ base_url: server.url });
  const error = errorOf(
    await provider.generate(modelRequest('Hi', { model }), { signal: unabortedSignal() }),
  );
  expect(error.message).toContain('none was sent');
});
