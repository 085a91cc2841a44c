import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../chaos/faults/fault-proxy.ts';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../src/contracts/agents/tool.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { createLatch, findViolations } from './arrange.ts';

// A worker that reaches its database through a proxy, which can lose, delay and cut connections.

export let database: TestDatabase;
export let proxy: FaultProxy;
export let worker: Worker;
export let server: FakeServer;
/** Calls of the tool `note`, by idempotency key. */
export const recordedCalls: string[] = [];

const note: CustomTool = {
  name: 'note',
  description: '',
  parameters: { type: 'object' },
  run: (_args, { idempotency_key }) => recordedCalls.push(idempotency_key),
};

export const gatedCallStarted = createLatch();
export const gate = createLatch();
const gated: CustomTool = {
  ...note,
  name: 'gated',
  run() {
    gatedCallStarted.open();
    return gate.opened.then(() => 'open');
  },
};

/** Registers the worker of a test file, which starts before its tests and stops after them. */
export function setUpProxiedWorker(): void {
  beforeAll(async () => {
    database = await createTestDatabase();
    await database.pool.query(`
      create schema shop;
      create table shop.counters (name text primary key, value int not null);
      grant select, insert, update on shop.counters to howdah_app;
      create function shop.count_up(name text) returns int language sql as
        'insert into shop.counters as c values (count_up.name, 1)
         on conflict (name) do update set value = c.value + 1 returning value';
      select howdah.register_sql_tool('shop.count_up(text)')`);
    proxy = await startFaultProxy(database.url);
    server = await startOpenAiServer(() => ({ content: 'heard' }));
    worker = await startTestWorker(proxy.url, { tools: [note, gated], openai: server.url });
  });
  afterEach(() => {
    proxy.toServer = () => 'pass';
    proxy.toClient = () => 'pass';
    proxy.isDown = false;
  });
  afterAll(async () => {
    await worker.stop(1_000);
    expect(await findViolations(database.pool)).toEqual([]);
    await proxy.close();
    await server.close();
    await database.drop();
  });
}
