import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { buildSchema, parse, validate } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import { connect } from '../../src/client/connect.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { startTestApi } from '../api/harness.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { runPage } from './run-page.ts';
import { ROOT, snippetsOf } from './snippets.ts';

// Follows docs/first-hour.md from its first line to its last on an empty database.

const snippets = snippetsOf('docs/first-hour.md');
const database = testDatabase();
let worker: Worker;
let api: ApiServer;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  api = await startTestApi(database.url);
});

afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

test('its SQL and its commands give what the page says', async () => {
  const said = await runPage(database.url, snippets);
  const rows = said.flatMap((one) => one.rows);
  expect(rows).toContainEqual({ answer: expect.stringContaining('copies: 0') });
  expect(rows).toContainEqual({ answer: 'approve' });
  expect(rows).toContainEqual(
    expect.objectContaining({ book_no: 'B-102', reader_no: 'R-7', copies: 0 }),
  );
  expect(rows).toContainEqual({
    reader_no: 'R-8',
    body: 'Is book B-103 here?',
    reply: expect.stringContaining('Huckleberry Finn'),
  });
  expect(said.map(({ text }) => text).join('')).toContain('The Odyssey');
});

test('its program follows a run', async () => {
  const [program] = snippets.filter(({ language }) => language === 'js');
  const body = stripTypeScriptTypes(program?.text ?? '')
    .replace(/^import .*$/m, '')
    .replace('http://127.0.0.1:8000', api.url);
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  const lines: unknown[][] = [];
  await new AsyncFunction('connect', 'console', body)(connect, {
    log: (...values: unknown[]) => lines.push(values),
  });
  expect(lines).toContainEqual(['action', 'find_book', { book_no: 'B-101' }]);
  expect(lines.at(-1)).toEqual(['complete', '', expect.stringContaining('The Odyssey')]);
});

test('its subscription is valid', () => {
  const schema = buildSchema(readFileSync(join(ROOT, 'src/api/schema.graphql'), 'utf8'));
  const documents = snippets.filter(({ language }) => language === 'graphql');
  expect(documents).not.toEqual([]);
  for (const { text } of documents) expect(validate(schema, parse(text))).toEqual([]);
});
