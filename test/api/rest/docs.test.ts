import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { z } from 'zod';
import { restRoutes } from '../../../src/api/rest/rest-routes.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { connect } from '../../../src/client/connect.ts';
import { STEP_KINDS } from '../../../src/contracts/runs/step.ts';
import { createMasterKeys } from '../../../src/secrets/master-keys.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi } from '../harness.ts';
import { call } from './call.ts';

// Executes every request of docs/rest.md and the README in its order. Placeholders such as AGENT_ID
// stand for the row created last.

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const page = read('docs/rest.md');
const lines = [...`${page}\n${read('README.md')}`.matchAll(/^```http\n([\s\S]*?)^```/gm)].flatMap(
  ([, body = '']) => body.trim().split('\n'),
);

const programs = [...page.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
beforeAll(async () => {
  const masterKeys = createMasterKeys({ keys: [Buffer.alloc(32, 7)], file: undefined });
  api = await startTestApi(db.url, { masterKeys });
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const ids: Record<string, string> = {};
const KINDS: Record<string, string> = { agents: 'AGENT_ID', sessions: 'SESSION_ID' };

function routeOf(method: string, path: string) {
  return restRoutes.find(
    (one) =>
      one.method === method &&
      new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path.split('?')[0] ?? ''),
  );
}

test.each(lines)('%s', async (line) => {
  const [, method = '', path = '', body] = /^(\w+) (\S+) ?(.*)$/.exec(line) ?? [];
  const withIds = (text: string) => text.replaceAll(/[A-Z]+_ID/g, (name) => ids[name] ?? name);
  const url = withIds(path);
  const answer = await call(api, method, url, body ? JSON.parse(withIds(body)) : undefined);
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  const made = KINDS[path.split('/').at(-1) ?? ''];
  if (method === 'POST' && made) ids[made] = answer.body.id;
  if (path === '/api/execute') ids.EXECUTION_ID = answer.body.execution_id;
  const described = routeOf(method, url)?.answers[answer.status];
  expect(described, 'the status is described').toBeTruthy();
  const { schema } = described ?? {};
  if (schema) expect((schema as z.ZodType).safeParse(answer.body).error).toBeUndefined();
});

test('the WebSocket program of the page runs', async () => {
  const program = programs.find((text) => text.includes('new WebSocket')) ?? '';
  const body = stripTypeScriptTypes(program.replace('ws://127.0.0.1:8000', api.url));
  const output = await new Promise((resolve) => new Function('console', body)({ log: resolve }));
  expect(output).toEqual(expect.any(String));
});

test('the client program of the page runs', async () => {
  const program = programs.find((text) => text.includes('connect(')) ?? '';
  const body = program.replace(/^import .*$/m, '').replace('http://127.0.0.1:8000', api.url);
  expect(body).toContain(api.url);
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  const lines: unknown[][] = [];
  await new AsyncFunction('connect', 'console', body)(connect, {
    log: (...values: unknown[]) => lines.push(values),
  });
  expect(lines[0]?.[0]).toEqual(expect.any(String));
  expect(lines.at(-1)?.[0]).toBe('complete');
});

test('the event table names every kind of step', () => {
  const start = page.indexOf('| kind of step');
  const table = page.slice(start, page.indexOf('\n\n', start));
  const named = [...table.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, kind]) => kind),
  );
  expect(named.toSorted()).toEqual([...STEP_KINDS].toSorted());
});
