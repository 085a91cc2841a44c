import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type FaultProxy,
  type ProxyConnection,
  startFaultProxy,
} from '../../../chaos/faults/fault-proxy.ts';
import { startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import { createPool } from '../../../src/db/connection/pool.ts';
import { adaptPoolForGraphile } from '../../../workers/queue/graphile-pool-adapter.ts';
import { filterClient, filterNotifications } from '../../../workers/queue/notification-filter.ts';
import { executionOf, insertRun, makeAgent, waitForEnd } from '../../runtime/arrange.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';
import { killWorkerProcesses, startWorkerProcess, type WorkerProcess } from '../worker-process.ts';

// Broken connections of Graphile Worker must neither end the process nor stop its notifications.

const database = testDatabase();
let proxy: FaultProxy;
let agent: string;

beforeAll(async () => {
  proxy = await startFaultProxy(database.url);
  agent = await makeAgent(database.pool, { script: [{ content: 'done' }] });
});
beforeEach(() => {
  proxy.toServer = () => 'pass';
});
afterAll(async () => {
  killWorkerProcesses();
  await proxy.close();
});

const COMPLETION = 'delete from "graphile_worker"._private_jobs';
const LISTEN = 'LISTEN "jobs:insert"; LISTEN';
const TASKS = 'insert into "graphile_worker"._private_tasks';

/** Adds a wake-up of a missing run, which only the queue completes. */
async function addJob(): Promise<void> {
  await database.pool.query(
    `select graphile_worker.add_job('advance', json_build_object('id', howdah.uuid_v7()))`,
  );
}

async function finishes(worker: WorkerProcess): Promise<void> {
  const id = await insertRun(database.pool, agent);
  expect((await waitForEnd(database.pool, id)).status).toBe('completed');
  expect(worker.isAlive).toBe(true);
  worker.signal('SIGKILL');
  await worker.ended;
}

test('a queue that shuts down while its LISTEN is unanswered does not crash the process', async () => {
  const listening: ProxyConnection[] = [];
  const replaced = Promise.withResolvers<void>();
  let isCut = false;
  proxy.toServer = (chunk, connection) => {
    const text = chunk.toString('latin1');
    if (text.includes(LISTEN) && listening.push(connection) === 1) return 'drop';
    if (text.includes(LISTEN)) replaced.resolve();
    if (isCut || !text.includes(COMPLETION)) return 'pass';
    isCut = true;
    return 'cut';
  };
  const worker = await startWorkerProcess(proxy.url);
  await addJob();
  await replaced.promise;
  listening[0]?.client.resetAndDestroy();
  await finishes(worker);
});

test('a queue whose first search for a job fails is replaced by a working one', async () => {
  const worker = await startWorkerProcess(proxy.url);
  const fatal = [COMPLETION, TASKS]; // the queue shuts down, and its successor cannot start
  const isOver = Promise.withResolvers<void>();
  proxy.toServer = (chunk) => {
    if (!fatal[0] || !chunk.toString('latin1').includes(fatal[0])) return 'pass';
    fatal.shift();
    if (fatal.length === 0) isOver.resolve();
    return 'cut';
  };
  await addJob();
  await isOver.promise;
  await finishes(worker);
});

test('refused queue connections carry no error code, and a connection is released only once', async () => {
  const pool = adaptPoolForGraphile(
    createPool({ url: database.url, applicationName: 'test', max: 1, role: 'howdah_worker' }),
  );
  const release = await new Promise<() => void>((resolve) =>
    pool.connect((_error, _client, done) => resolve(done)),
  );
  release();
  release();
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await pool.end();
  const absent = adaptPoolForGraphile(
    createPool({ url: 'postgres://127.0.0.1:1/nowhere', applicationName: 'test' }),
  );
  await expect(absent.connect()).rejects.toSatisfy(
    (error: Error) => !('code' in error) && /ECONNREFUSED/.test(String(error.cause)),
  );
});

/** Runs `work` with a login as a tenant may have it: a member of `howdah_app` only. */
async function withTenantLogin(work: (client: pg.Client) => Promise<void>): Promise<void> {
  const login = `howdah_test_${randomBytes(6).toString('hex')}`;
  await database.pool.query(`create role ${login} login password 'secret' in role howdah_app`);
  const url = new URL(database.url);
  Object.assign(url, { username: login, password: 'secret' });
  const client = new pg.Client({ connectionString: url.toString() });
  try {
    await client.connect();
    await work(client);
  } finally {
    await client.end();
    await database.pool.query(`drop role ${login}`);
  }
}

const WORKER = 'select w.id, w.pool_id from howdah_private.workers as w where w.id = $1';
const MIGRATE = `{"migrationNumber": 999, "breaking": true}`;

test('a forged migration notification stops no queue and releases no run', async () => {
  const { pool } = database;
  const gate = createGate();
  const server = await startOpenAiServer(async ({ index, left }) => {
    if (index === 0) await gate.pass(left);
    return { content: 'done' };
  });
  const log: string[] = [];
  const worker = await startTestWorker(database.url, {
    openai: server.url,
    log: pino({ level: 'warn' }, { write: (line: string) => void log.push(line) }),
  });
  try {
    const waiter = await makeAgent(pool, { models: [{ provider: 'openai' }] });
    const held = await insertRun(pool, waiter);
    await expect.poll(() => gate.waiting, { timeout: 60_000 }).toBe(1);
    const { owner_worker: owner } = await executionOf(pool, held);
    const before = (await pool.query(WORKER, [owner])).rows;
    expect(before).toHaveLength(1);
    await withTenantLogin(async (tenant) => {
      for (let index = 0; index < 40; index++) {
        await tenant.query(`notify "worker:migrate", '${MIGRATE}'`);
        await tenant.query(`notify "jobs:insert", '{"count": ${index % 2 ? '1e999' : -1}}'`);
        if (index % 10 === 0) {
          const other = await insertRun(pool, agent);
          expect((await waitForEnd(pool, other)).status).toBe('completed');
        }
      }
    });
    expect((await executionOf(pool, held)).owner_worker).toBe(owner);
    gate.allow(1);
    expect((await waitForEnd(pool, held)).status).toBe('completed');
    expect(server.requests).toHaveLength(1);
    expect((await pool.query(WORKER, [owner])).rows).toEqual(before);
    // workers killed by earlier tests may be reported dead
    const isOurs = (line: string) =>
      !/a dead worker was found/.test(line) || line.includes(`${owner}`);
    expect(log.filter(isOurs)).toEqual([]);
  } finally {
    await worker.stop(0);
    await server.close();
  }
});

test('a breaking migration in its table stops the queue', async () => {
  const { pool } = database;
  const log: string[] = [];
  const worker = await startTestWorker(database.url, {
    log: pino({ level: 'warn' }, { write: (line: string) => void log.push(line) }),
  });
  try {
    await pool.query('insert into graphile_worker.migrations (id, breaking) values (999, true)');
    await pool.query(`select pg_notify('worker:migrate', $1)`, [MIGRATE]);
    await expect
      .poll(() => log.join(''), { message: 'the queue stops', timeout: 60_000 })
      .toContain('the queue shut down');
    await deleteMigration();
    expect((await waitForEnd(pool, await insertRun(pool, agent))).status).toBe('completed');
  } finally {
    await deleteMigration();
    process.exitCode = undefined; // Graphile Worker has set it
    await worker.stop(0);
  }
});

async function deleteMigration(): Promise<void> {
  await database.pool.query('delete from graphile_worker.migrations where id = 999');
}

test('a migration made before LISTEN was answered is announced', async () => {
  const events = new EventEmitter();
  const client = new EventEmitter();
  filterNotifications(events, async () => 19);
  const heard: unknown[] = [];
  client.on('notification', ({ payload }) => heard.push(JSON.parse(payload)));
  events.emit('pool:listen:success', { client });
  expect(heard).toEqual([]);
  client.emit('drain');
  await expect.poll(() => heard).toEqual([{ migrationNumber: 19, breaking: true }]);
  events.emit('pool:listen:release');
  expect(Object.hasOwn(client, 'emit')).toBe(false);
});

test('a flood of forged job notifications causes a bounded number of searches', async () => {
  const client = new EventEmitter();
  let reads = 0;
  const { detach } = filterClient(client as pg.PoolClient, async () => {
    reads += 1;
    return undefined;
  });
  const counts: number[] = [];
  client.on('notification', ({ channel, payload }) => {
    if (channel === 'jobs:insert' && payload.startsWith('{'))
      counts.push(JSON.parse(payload).count);
    else heard.push(channel);
  });
  const heard: string[] = [];
  const say = (payload: string, channel = 'jobs:insert') =>
    client.emit('notification', { channel, payload });
  for (const payload of ['{"count": 0}', '{"count": -1}', '{"count": "x"}']) say(payload);
  expect(counts).toEqual([]);
  for (let index = 0; index < 1_000; index++) say(index % 2 ? '{"count": 2}' : 'no JSON');
  for (let index = 0; index < 40; index++) say(MIGRATE, 'worker:migrate');
  say('x', 'some_channel');
  expect(counts).toEqual([]); // delayed for a moment
  await expect.poll(() => counts).toEqual([1_500]);
  say('{"count": 1e999}');
  await expect.poll(() => counts.length).toBe(2);
  expect(counts[1]).toBeGreaterThan(1_000);
  expect(reads).toBe(1);
  expect(heard).toEqual([]);
  detach();
  say('', 'some_channel');
  expect(heard).toEqual(['some_channel']);
});

test('a migration is announced although the first look for it failed', async () => {
  const client = new EventEmitter();
  let looks = 0;
  const { detach } = filterClient(client as pg.PoolClient, async () => {
    looks += 1;
    if (looks === 1) throw new Error('the database is restarting');
    return 19;
  });
  const heard: unknown[] = [];
  client.on('notification', ({ payload }) => heard.push(JSON.parse(payload)));
  client.emit('notification', { channel: 'worker:migrate', payload: MIGRATE });
  await expect
    .poll(() => heard, { timeout: 10_000 })
    .toEqual([{ migrationNumber: 19, breaking: true }]);
  expect(looks).toBe(2);
  detach();
});

test('a tenant cannot see the name of a channel that workers listen to', async () => {
  const worker = await startTestWorker(database.url);
  try {
    const { rows } = await database.pool.query(
      `select howdah_private.channel('control') as control`,
    );
    await eventually(
      database.pool,
      'the worker listens',
      `select from pg_stat_activity where application_name = 'howdah-live' and datname = current_database()`,
    );
    await withTenantLogin(async (tenant) => {
      const seen = await tenant.query(
        `select string_agg(a::text, '') as everything, count(*) filter (where a.query = '<insufficient privilege>')::int as hidden
         from pg_stat_activity as a`,
      );
      expect(seen.rows[0].everything).not.toContain(rows[0].control);
      expect(seen.rows[0].hidden).toBeGreaterThan(0);
      expect((await tenant.query('select pg_listening_channels()')).rows).toEqual([]);
    });
  } finally {
    await worker.stop(0);
  }
});
