import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { Hono } from 'hono';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Howdah } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { startHowdah } from './start-howdah.ts';

// Runs every program of docs/embedding.md unchanged.

const page = readFileSync(new URL('../../docs/embedding.md', import.meta.url), 'utf8');
const programs = [...page.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);
const [first = '', ofExpress = '', ofHono = ''] = programs;

const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
const run = (program: string, values: Record<string, unknown>): Promise<void> =>
  new AsyncFunction(...Object.keys(values), stripTypeScriptTypes(program))(
    ...Object.values(values),
  );

const db = testDatabase();
let howdah: Howdah;
beforeAll(async () => {
  howdah = await startHowdah(db.url, { auth: 'none', worker: false });
});
afterAll(async () => {
  await howdah?.close();
});

test('the first program runs an agent and prints its answer', async () => {
  expect(programs).toHaveLength(3);
  const printed: unknown[][] = [];
  await run(first.replace(/^import .*\n/, ''), {
    start: (options: object) => startHowdah(db.url, options),
    console: { log: (...words: unknown[]) => printed.push(words) },
  });
  expect(printed.map(([event]) => event)).toContain('complete');
  expect(printed.at(-1)).toEqual([expect.any(String)]);
});

test('the line for Express mounts the API', async () => {
  const app = express();
  await run(ofExpress, { app, howdah });
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/howdah/api/agents`);
  expect([response.status, await response.json()]).toMatchObject([200, { data: [{}] }]);
  server.closeAllConnections();
  server.close();
});

test('the lines for Hono mount the API', async () => {
  const app = new Hono();
  await run(ofHono, { app, howdah });
  expect((await app.request('http://localhost/howdah/api/agents')).status).toBe(200);
});

test('the table of options names each option', () => {
  const names = ['databaseUrl', 'port', 'host', 'auth', 'concurrency', 'home', 'logger', 'tools'];
  const rest = ['engines', 'hooks', 'signal', 'env', 'api', 'worker'];
  for (const name of [...names, ...rest]) expect(page).toContain(`\`${name}\``);
});
