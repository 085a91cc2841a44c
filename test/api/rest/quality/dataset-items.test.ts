import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { finish, makeAgent, makeRun, makeWorker, one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestApi } from '../../harness.ts';
import { call } from '../call.ts';

// Items of data sets, sent many at once.

const database = testDatabase();
let api: ApiServer;
let items: string;
const request = (path: string, body: unknown) => call(api, 'POST', path, body);
const part = (type: string) => ({ type, text: 'x' });

beforeAll(async () => {
  api = await startTestApi(database.url);
  const { id } = await one(
    database.pool,
    `insert into howdah.datasets (name) values ('sums') returning id`,
  );
  items = `/api/datasets/${id}/items`;
});
afterAll(() => api?.close());

const inputs = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ input: `Question ${index}` }));

describe('an error names the first item that is refused, and nothing is added', () => {
  test.each([
    [
      'a faulty part',
      { input_parts: [part('text'), part('film')] },
      'items[7].input_parts[1].type',
      /^items\[7\]\.input_parts\[1\]\.type must be text/,
    ],
    ['a faulty message', { history: [{ role: 'robot' }] }, 'items[7].history[0]', /^items\[7\]/],
    ['no input', { input: '' }, 'items[7]', /^items\[7\]: item must have an input/],
    ['a long split', { split: 'x'.repeat(200) }, 'items[7].split', /^items\[7\]\.split must be/],
  ])('%s', async (_what, faulty, field, message) => {
    const sent = [...inputs(7), { input: 'x', ...faulty }, { ...faulty, input: '' }, ...inputs(3)];
    const { status, body } = await request(items, { items: sent });
    expect({ status, code: body.code, field: body.field }).toEqual({
      ...{ status: 400, code: 'HWINV', field },
    });
    expect(body.detail).toMatch(message);
    const { count } = await one(
      database.pool,
      'select count(*)::int as count from howdah.dataset_items',
    );
    expect(count).toBe(0);
  });
});

test('a run becomes an anonymized item', async () => {
  const worker = await makeWorker(database.pool);
  const run = await makeRun(database.pool, {
    agent_id: await makeAgent(database.pool),
    input: 'I am eve@example.com.',
  });
  await finish(database.pool, worker, run);
  const sent = { execution_id: run, anonymize: true };
  const { status, body } = await request(items.replace(/items$/, 'runs'), sent);
  expect({ status, input: body.input }).toEqual({ status: 201, input: 'I am [email withheld].' });
});
