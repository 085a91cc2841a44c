import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker as Thread } from 'node:worker_threads';
import { pino } from 'pino';
import { afterAll, expect, test, vi } from 'vitest';
import { loadApiThread, startApiThread, whileThreadRuns } from '../src/api-thread.ts';
import { openHowdah } from '../src/bootstrap.ts';
import { moduleBeside } from '../src/concurrency/thread-pool.ts';
import { loadConfig } from '../src/config.ts';
import { addTool, makeAgent, runToEnd } from './runtime/arrange.ts';
import { one } from './sql/support.ts';
import { testDatabase } from './support/database.ts';
import { startTestWorker } from './support/worker.ts';

// A process that runs both a worker and the API. Neither may delay the other.

const program = moduleBeside('./fixtures/held-api-thread.ts', import.meta.url);
const terminal = { isTty: false, isColoured: false };
const folder = mkdtempSync(join(tmpdir(), 'howdah-api-thread-'));
const channel = new BroadcastChannel('held-api-thread');
const db = testDatabase();
afterAll(async () => {
  channel.close();
});

const configOf = (variables: Record<string, string> = {}) =>
  loadConfig({
    ...{ DATABASE_URL: db.url, PORT: '0', HOST: '127.0.0.1', HOWDAH_HOME: folder },
    HOWDAH_SECRET_KEY: randomBytes(32).toString('base64'),
    HOWDAH_LOG_LEVEL: 'silent',
    HOWDAH_AUTH: 'none',
    ...variables,
  });

function startThread(write: (line: string) => void = () => {}) {
  const log = pino({ level: 'error' }, { write });
  return startApiThread(
    { url: db.url, config: configOf(), terminal, program },
    { log, metrics: undefined },
  );
}

const heartbeat = async () => {
  const { rows } = await db.pool.query(
    'select max(w.heartbeat_at)::text as at from howdah_private.workers as w',
  );
  return rows[0].at as string;
};

test('a busy API does not delay heartbeats or runs of the worker', async () => {
  const api = await startThread();
  const worker = await startTestWorker(db.url);
  const release = join(folder, 'release');
  try {
    channel.postMessage(release);
    const health = fetch(`${api.url}/healthz`).then(({ status }) => status);
    const before = await heartbeat();
    const agent = await makeAgent(db.pool, { script: [{ content: 'Done.' }] });
    expect(await runToEnd(db.pool, agent)).toMatchObject({ status: 'completed' });
    await vi.waitFor(async () => expect(await heartbeat()).not.toBe(before), 20_000);
    const first = await Promise.race([
      health,
      new Promise((resolve) => setImmediate(resolve, 'busy')),
    ]);
    expect(first).toBe('busy');
    writeFileSync(release, '');
    expect(await health).toBe(200);
  } finally {
    writeFileSync(release, '');
    await worker.stop(0);
    await api.close();
  }
});

test('an API thread that crashes restarts on the same port, and the log states the reason', async () => {
  const lines: string[] = [];
  const api = await startThread((line) => lines.push(line));
  try {
    channel.postMessage('fault');
    await vi.waitFor(() => expect(lines.join('')).toContain('the API thread ended'), 20_000);
    expect(lines.join('')).toContain('a fault that nobody caught');
    const status = async () => (await fetch(`${api.url}/healthz`)).status;
    await vi.waitFor(async () => expect(await status()).toBe(200), 60_000);
  } finally {
    await api.close();
  }
  await expect(fetch(`${api.url}/healthz`)).rejects.toThrow();
});

test('a thread that is being restarted has ended after the close', async () => {
  const api = await startThread();
  const said: unknown[] = [];
  channel.onmessage = (event: { data?: unknown }) => said.push(event.data);
  try {
    channel.postMessage('fault');
    await vi.waitFor(() => expect(said).toContain('loaded'), 60_000);
  } finally {
    await api.close();
  }
  said.length = 0;
  channel.postMessage('ping');
  const witness = loadApiThread(program); // answers later than a thread that was left would
  await vi.waitFor(() => expect(said).toContain('loaded'), 60_000);
  await witness.worker.terminate();
  expect(said).toEqual(['loaded']);
  channel.onmessage = () => {};
  await expect(fetch(`${api.url}/healthz`)).rejects.toThrow();
});

test('a port in use is an error with a hint, as without a thread', async () => {
  const api = await startThread();
  try {
    const config = configOf({ PORT: String(api.port) });
    const log = pino({ level: 'silent' });
    const again = startApiThread({ url: db.url, config, terminal }, { log, metrics: undefined });
    await expect(again).rejects.toMatchObject({
      code: 'EADDRINUSE',
      hint: expect.stringContaining('PORT='),
    });
  } finally {
    await api.close();
  }
});

test('a thread that exits while the database starts aborts the start with its error', async () => {
  const thread = loadApiThread('data:text/javascript,throw new Error("no API here")');
  const database = Promise.withResolvers<string>();
  await expect(whileThreadRuns(thread, database.promise)).rejects.toThrow('no API here');
  const running = loadApiThread(program);
  const opening = whileThreadRuns(running, database.promise);
  database.resolve('open');
  expect(await opening).toBe('open');
  await running.worker.terminate();
});

/** Source of a thread that requests the URL repeatedly and counts the responses. */
const ASKING = `
  const { workerData: { url, answers } } = require('node:worker_threads');
  (async () => {
    for (;;) {
      const { status } = await fetch(url).catch(() => ({}));
      if (status === 200) Atomics.add(answers, 0, 1);
    }
  })();`;

test('a CPU-bound tool does not block requests; metrics cover both threads', async () => {
  const answers = new Int32Array(new SharedArrayBuffer(4));
  let asking: Thread | undefined;
  let url = '';
  const compute = {
    name: 'compute',
    description: 'Computes until a few requests are answered',
    parameters: { type: 'object' },
    run() {
      asking = new Thread(ASKING, { eval: true, workerData: { url: `${url}/healthz`, answers } });
      const end = performance.now() + 30_000;
      while (Atomics.load(answers, 0) < 3 && performance.now() < end);
      return Atomics.load(answers, 0) >= 3;
    },
  };
  const parts = { api: true, worker: true };
  const howdah = await openHowdah(configOf(), parts, () => {}, { tools: [compute] });
  try {
    url = howdah.apiUrl ?? '';
    const script = [{ tool_calls: [{ name: 'compute', arguments: {} }] }, { content: 'Done.' }];
    const agent = await makeAgent(db.pool, { script, tools: [] });
    await addTool(db.pool, agent, 'compute');
    const run = await runToEnd(db.pool, agent);
    expect(run.status).toBe('completed');
    const step = await one(
      db.pool,
      `select s.output from howdah.steps as s where s.execution_id = $1 and s.name = 'compute'`,
      [run.id],
    );
    expect(step.output).toBe(true);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^howdah_runs_capacity \d+$/m);
    expect(metrics).toContain('howdah_pool_connections_limit{pool="requests"} 10');
    expect(metrics).toMatch(/howdah_http_request_duration_seconds_count\{door="healthz"/);
  } finally {
    await asking?.terminate();
    await howdah.close();
  }
});
