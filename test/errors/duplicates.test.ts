import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import { startTestApi } from '../api/harness.ts';
import { call } from '../api/rest/call.ts';
import { testDatabase } from '../support/database.ts';

// What the API says of a row that exists already, also where the name of the key is a sentence.

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(() => api?.close());

test.each([
  ['/api/datasets', { name: 'tickets' }],
  ['/api/knowledge-bases', { name: 'handbook' }],
  ['/api/models', { name: 'large', provider: 'local', model: 'echo' }],
])('a second row of %s with the name is refused by the name', async (path, body) => {
  expect(await call(api, 'POST', path, body)).toMatchObject({ status: 201 });
  expect(await call(api, 'POST', path, body)).toMatchObject({
    status: 409,
    body: {
      code: 'HWCNF',
      detail: 'a row with this name already exists',
      hint: 'Use another name, or change the existing row.',
      field: 'name',
    },
  });
});

test('a second view of a person with the name is refused by what makes it one', async () => {
  const view = { name: 'mine', place: 'runs', filter: { status: 'failed' } };
  expect(await call(api, 'POST', '/api/saved-views', view)).toMatchObject({ status: 201 });
  expect(await call(api, 'POST', '/api/saved-views', view)).toMatchObject({
    status: 409,
    body: { detail: 'a row with this user id, place, name already exists' },
  });
});

test('a text that an index cannot hold is refused with its maximum', async () => {
  const view = { name: 'long', place: 'x'.repeat(2001), filter: {} };
  expect(await call(api, 'POST', '/api/saved-views', view)).toMatchObject({
    status: 400,
    body: { code: 'HWINV', detail: 'place has 2001 bytes, at most 2000 are allowed' },
  });
});
