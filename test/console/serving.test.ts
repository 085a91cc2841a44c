import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildConsole } from '../../packaging/build-pages.ts';
import type { ApiServer } from '../../src/api/server.ts';
import { startTestApi } from '../api/harness.ts';
import { tokenOptions } from '../api/subscriptions/tokens.ts';
import { testDatabase } from '../support/database.ts';

const FOLDER = join(import.meta.dirname, '../../dist/pages/console');
/** The largest size of the scripts and styles that the first page loads, compressed. */
const MAX_BYTES = 300_000;

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

const get = async (path: string, headers: Record<string, string> = {}, url = api.url) => {
  const response = await fetch(`${url}${path}`, { headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
};
const filesOf = (page: string) =>
  [...page.matchAll(/(?:src|href)="([^":]+)"/g)].map(([, path = '']) => path);

test.each([
  '/',
  '/login',
  '/runs',
  '/runs/one/2',
  '/inbox',
  '/inbox/one',
  '/inbox/proposals/one',
  '/chat',
  '/chat/one',
  '/playground',
])('%s is the page, which loads its own files and has no script of its own', async (path) => {
  const { status, headers, text } = await get(path);
  const policy = headers.get('content-security-policy') ?? '';
  const nonce = /style-src 'self' 'nonce-([\w+/=]{24})'/.exec(policy)?.[1];
  expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
  expect(policy).toContain("script-src 'self';");
  expect(policy).not.toContain('unsafe');
  expect(policy).toContain("frame-ancestors 'none'");
  expect(text).toContain(`nonce="${nonce}"`);
  expect(text).not.toMatch(/<style|\sstyle=|https?:|<script(?![^>]*src)/);
  const files = filesOf(text);
  expect(files).toHaveLength(2);
  for (const file of files) {
    const found = await get(new URL(file, `${api.url}${path}`).pathname);
    expect(found.status).toBe(200);
    expect(found.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  }
});

test('files are sent compressed to browsers that take it', async () => {
  const [style = ''] = filesOf((await get('/')).text);
  const path = new URL(style, `${api.url}/`).pathname;
  const packed = await get(path, { 'accept-encoding': 'gzip' });
  const plain = await get(path, { 'accept-encoding': 'identity' });
  expect(packed.headers.get('content-encoding')).toBe('gzip');
  expect(plain.headers.get('content-encoding')).toBe(null);
  expect(packed.text).toBe(plain.text);
});

test.each([
  '/console/nothing.js',
  '/console/entry.json',
  '/console/..%2fgraphiql.js',
  '/nothing',
  '/run',
  '/api/nothing',
])('%s is no page', async (path) => {
  const { status, headers } = await get(path);
  expect(status).toBe(404);
  expect(headers.get('content-type')).toContain('application/problem+json');
});

test('the page needs no login, and the data does', async () => {
  const guarded = await startTestApi(db.url, tokenOptions);
  expect((await get('/', {}, guarded.url)).status).toBe(200);
  const answer = await fetch(`${guarded.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"query":"{ __typename }"}',
  });
  expect(answer.status).toBe(401);
  await guarded.close();
});

test('the first page loads little, since each place is a part of its own', async () => {
  const { outputs } = await buildConsole(FOLDER, { write: false });
  const built = (source: string) =>
    Object.keys(outputs).find((path) => outputs[path]?.entryPoint === source) ?? '';
  const loaded = new Set<string>();
  const load = (path: string) => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const { kind, path: next } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement') load(next);
    }
  };
  load(built('src/console/main.tsx'));
  load(built('src/console/home/home-page.tsx'));
  const style = filesOf((await get('/')).text).find((path) => path.endsWith('.css')) ?? '';
  const files = [...[...loaded].map((path) => basename(path)), basename(style)];
  const bytes = files.map((file) => gzipSync(readFileSync(join(FOLDER, file))).length);
  expect(files.length).toBeGreaterThan(4);
  expect(bytes.reduce((total, one) => total + one, 0)).toBeLessThan(MAX_BYTES);
});
