import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { restHint } from '../../../src/api/errors/rest-hints.ts';
import { restRoutes } from '../../../src/api/rest/rest-routes.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';
import { call } from './call.ts';

const NOBODY = '00000000-0000-4000-8000-000000000000';
const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

test('hints in REST errors name REST requests', async () => {
  const started = await call(api, 'POST', '/api/execute', { agent_id: NOBODY, message: 'x' });
  expect(started.body.hint).toContain('/api/agents');
  expect(started.body.hint).not.toContain('howdah.');
  const said = await call(api, 'POST', `/api/executions/${NOBODY}/feedback`, { score: 1 });
  expect(said.body.hint).toBe('See /api/executions for the runs that exist.');
});

test('SQL functions become requests, and names without a REST equivalent stay', () => {
  expect(restHint(`Answer it by howdah.answer_question('1 (2)', TEXT).`)).toBe(
    'Answer it by POST /api/questions/ID/answer.',
  );
  expect(restHint('See howdah.todos; howdah.add_input adds to it (howdah show ID).')).toBe(
    'See todos; add_input adds to it (howdah show ID).',
  );
});

test('every path in a hint exists in REST', async () => {
  const source = await readFile('src/api/errors/rest-hints.ts', 'utf8');
  const named = [...source.matchAll(/(\/(?:api\/|sessions|agent-systems)[\w/-]*)/g)].map(
    ([, path = '']) => path.replaceAll('/ID', '/{}'),
  );
  const known = new Set(restRoutes.map(({ path }) => path.replaceAll(/\{\w+\}/g, '{}')));
  expect(named.filter((path) => !known.has(path))).toEqual([]);
  expect(named.length).toBeGreaterThan(15);
});

test('no SQL hint reaches REST with a database name', async () => {
  const files = (await readdir('sql', { recursive: true })).filter((one) => one.endsWith('.sql'));
  const texts = await Promise.all(files.map((file) => readFile(`sql/${file}`, 'utf8')));
  const hints = texts.flatMap((text) => [...text.matchAll(/hint = '((?:[^']|'')+)'/g)]);
  const restHints = hints.map(([, hint = '']) => restHint(hint.replaceAll("''", "'")));
  expect(restHints.length).toBeGreaterThan(100);
  expect(restHints.filter((hint) => /\bhowdah\.(?!yaml|json)/.test(hint))).toEqual([]);
});
