import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';
import { call } from './call.ts';

const db = testDatabase();
let api: ApiServer;
beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(() => api?.close());

type Known = { vendor: string; name: string; purpose: string };
const catalog = (query: string) => call(api, 'GET', `/api/models/catalog${query}`);
const namesOf = (body: unknown) => (body as { data: Known[] }).data.map(({ name }) => name);

test('the catalogue of models is filtered by provider, purpose and text', async () => {
  const { status, body } = await catalog('?provider=claude&text=SONNET-5');
  expect(status).toBe(200);
  expect(body).toMatchObject({
    data: [
      {
        ...{ vendor: 'anthropic', name: 'claude-sonnet-5', purpose: 'llm' },
        ...{
          context_tokens: 1_000_000,
          input_price: 2,
          aliases: expect.arrayContaining(['sonnet']),
        },
        facts_source: expect.stringMatching(/, \d{4}-\d\d-\d\d$/),
      },
    ],
    next: null,
  });
  expect(namesOf((await catalog('?provider=api.openai.com&purpose=stt')).body)).toContain(
    'whisper-1',
  );
  expect(namesOf((await catalog('?text=gemini-flash-lite')).body)).toContain(
    'gemini-3.5-flash-lite',
  );
  expect((await catalog('?text=nothing-like-this')).body).toEqual({ data: [], next: null });
});

test('the catalogue of models has pages', async () => {
  const { body: whole } = await catalog('?limit=1000');
  const names: string[] = [];
  for (let query = '?limit=40'; ; ) {
    const { body } = await catalog(query);
    names.push(...namesOf(body));
    const { next } = body as { next: string | null };
    if (next === null) break;
    query = `?limit=40&cursor=${next}`;
  }
  expect(names.length).toBeGreaterThan(80);
  expect(names).toEqual(namesOf(whole));
});

test.each([
  ['?provider=nobody', 'provider'],
  ['?purpose=poetry', 'purpose'],
  ['?cursor=abc', 'cursor'],
])('a request for %s is refused, with the field', async (query, field) => {
  const { status, body } = await catalog(query);
  expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining(`"${field}"`)]);
});
