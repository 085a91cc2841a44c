import { EventEmitter } from 'node:events';
import { Logger, run, type WorkerEvents } from 'graphile-worker';
import { expect, test } from 'vitest';
import { createPool, type PoolClient } from '../../../src/db/connection/pool.ts';
import { all } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

// The queue replaces methods called by Graphile Worker, and reads tables that are not documented. A
// new version may change both without an error. These tests then name the code to check.

const database = testDatabase();

test('Graphile Worker listens on a connection from `connect` with a callback, to two channels', async () => {
  const pool = createPool({
    url: database.url,
    applicationName: 'test',
    role: 'howdah_worker',
    max: 3,
  });
  const connect = pool.connect.bind(pool);
  const listeners: unknown[] = [];
  pool.connect = ((done?: unknown) => {
    if (done) listeners.push(done);
    return done ? connect(done as Parameters<typeof connect>[0]) : connect();
  }) as typeof pool.connect;
  const events: WorkerEvents = new EventEmitter();
  const listening = new Promise<PoolClient>((resolve) => {
    events.once('pool:listen:success', ({ client }) => resolve(client));
  });
  const runner = await run({
    pgPool: pool,
    events,
    noHandleSignals: true,
    taskList: {},
    crontab: '',
    logger: new Logger(() => () => {}),
  });
  try {
    const client = await listening;
    const channels = await client.query('select pg_listening_channels() as name order by name');
    expect(
      channels.rows.map(({ name }) => name),
      'filterClient (workers/queue/notification-filter.ts) passes only these channels',
    ).toEqual(['jobs:insert', 'worker:migrate']);
    expect(
      listeners.length,
      'adaptPoolForGraphile guards the release of a connection only in the form with a callback',
    ).toBeGreaterThan(0);
  } finally {
    await runner.stop();
    await pool.end();
  }
});

test('the table of migrations says which of them end older workers', async () => {
  expect(
    await all(
      database.pool,
      `select a.attname as name, a.atttypid::regtype::text as type from pg_attribute as a
       where a.attrelid = 'graphile_worker.migrations'::regclass and a.attname in ('id', 'breaking')
       order by a.attnum`,
    ),
    'BreakingMigrations (workers/queue/notification-filter.ts) reads these columns',
  ).toEqual([
    { name: 'id', type: 'integer' },
    { name: 'breaking', type: 'boolean' },
  ]);
});

test('the public view of jobs has the columns that commands read', async () => {
  const needed = ['key', 'attempts', 'max_attempts', 'last_error', 'locked_by'];
  const columns = await all(
    database.pool,
    `select a.attname as name from pg_attribute as a
     where a.attrelid = 'graphile_worker.jobs'::regclass and a.attnum > 0`,
  );
  const names = new Set(columns.map(({ name }) => name));
  expect(
    needed.filter((name) => !names.has(name)),
    'howdah doctor and restore-sql.ts read these columns',
  ).toEqual([]);
});
