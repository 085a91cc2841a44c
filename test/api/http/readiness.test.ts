import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startMetricsServer } from '../../../src/api/health/metrics-server.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { createPool } from '../../../src/db/connection/pool.ts';
import { presenceOfSchema } from '../../../src/db/schema/readiness.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { createReadiness } from '../../../src/telemetry/readiness.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi, until } from '../harness.ts';

type Check = { name: string; ok: boolean; reason?: string };
type Answer = { status: number; text: string; checks: Record<string, Check>; code?: string };

let db: TestDatabase;
let api: ApiServer;
beforeEach(async () => {
  db = await createTestDatabase();
  api = await startTestApi(db.url, { bounds: { connections: 1, waiting: 0 } });
});
afterEach(async () => {
  await api.close();
  await db.drop();
});

async function ask(url = `${api.url}/readyz`): Promise<Answer> {
  const response = await fetch(url);
  const text = await response.text();
  // the endpoint requires no login
  expect(text).not.toMatch(
    /127\.0\.0|:\d{4}|howdah_test|postgres|ECONN|select |PostgreSQL|\d\.\d/i,
  );
  expect(response.headers.get('cache-control')).toBe('no-store');
  const body = JSON.parse(text);
  const checks = Object.fromEntries(body.checks.map((check: Check) => [check.name, check]));
  return { status: response.status, text, checks, code: body.code };
}
const failedChecks = ({ checks }: Answer) =>
  Object.values(checks)
    .filter(({ ok }) => !ok)
    .map(({ name }) => name);

/** Requests readiness until exactly these checks fail. */
async function untilFailed(names: string[], url?: string): Promise<Answer> {
  let answer = await ask(url);
  await until(async () => {
    answer = await ask(url);
    return JSON.stringify(failedChecks(answer)) === JSON.stringify(names);
  });
  return answer;
}

test('an API without a worker is ready and lists its checks', async () => {
  const answer = await ask();
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.text)).toEqual({
    status: 'ready',
    checks: ['database', 'schema', 'listener', 'pool', 'draining'].map((name) => ({
      name,
      ok: true,
    })),
  });
});

test('a schema without the latest migration, or a missing schema, is not ready', async () => {
  const { rows } = await db.pool.query(
    'delete from howdah_private.migrations where id = (select max(id) from howdah_private.migrations) returning name',
  );
  const older = await ask();
  expect(older).toMatchObject({ status: 503, code: 'HWCNF' });
  expect(older.checks.schema).toMatchObject({
    ok: false,
    reason: expect.stringContaining('npx howdah migrate up'),
  });
  await db.pool.query(
    `insert into howdah_private.migrations (name, run_on) values ($1, now()), ('9999_of_a_newer_release', now())`,
    [rows[0].name],
  );
  expect(await ask()).toMatchObject({ status: 200 });
  await db.pool.query('drop table howdah_private.migrations');
  expect(failedChecks(await ask())).toEqual(['schema']);
});

/** Terminates the connections of this application and prevents new ones while `work` runs. */
async function withoutConnections(application: string, work: () => Promise<void>): Promise<void> {
  const name = new URL(db.url).pathname.slice(1);
  const elsewhere = new URL(db.url);
  elsewhere.pathname = '/postgres';
  const owner = new pg.Client({ connectionString: elsewhere.href });
  await owner.connect();
  try {
    await owner.query(`alter database ${name} allow_connections false`);
    await owner.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = $2',
      [name, application],
    );
    await work();
  } finally {
    await owner.query(`alter database ${name} allow_connections true`);
    await owner.end();
  }
}

test('the API is not ready until its listening connection is back', async () => {
  await ask(); // opens the connection that the check uses
  await withoutConnections('howdah-listen', async () => {
    const deaf = await untilFailed(['listener']);
    expect(deaf).toMatchObject({ status: 503, code: 'EUNREACHABLE' });
  });
  expect(await untilFailed([])).toMatchObject({ status: 200 });
});

test('the API is not ready while it would reject the next request', async () => {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query('lock table howdah.agents in access exclusive mode');
    const waiting = [1, 2].map(() => fetch(`${api.url}/api/agents`));
    expect(await untilFailed(['pool'])).toMatchObject({ status: 503 });
    await client.query('rollback');
    await Promise.all(waiting);
    expect(await untilFailed([])).toMatchObject({ status: 200 });
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('a draining API reports it and answers all other requests', async () => {
  api.drain();
  const answer = await ask();
  expect(answer.status).toBe(503);
  expect(failedChecks(answer)).toEqual(['draining']);
  expect((await fetch(`${api.url}/api/agents`)).status).toBe(200);
  expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
});

test('concurrent requests share one check and get the same result', async () => {
  let looks = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const readiness = createReadiness(() => {});
  readiness.watch(async () => {
    looks += 1;
    await promise;
    return [{ name: 'one', ok: true }];
  });
  const checks = Promise.all([readiness.checks(), readiness.checks(), readiness.checks()]);
  resolve();
  expect(await checks).toHaveLength(3);
  expect(looks).toBe(1);
});

test('a worker reports on its own port whether it is alive and accepts wake-ups', async () => {
  const readiness = createReadiness(() => {});
  const pool = createPool({
    url: db.url,
    applicationName: 'howdah-metrics',
    role: 'howdah_worker',
  });
  readiness.watch(presenceOfSchema(pool));
  const metrics = createMetrics({ figures: async () => [], prices: async () => new Map() });
  const server = await startMetricsServer({
    ...{ host: '127.0.0.1', port: 0, auth: 'none', metricsToken: undefined, metrics, readiness },
  });
  const url = server.url.replace('/metrics', '/readyz');
  const worker = await startTestWorker(db.url);
  try {
    readiness.watch(() => worker.checks());
    expect(await ask(url)).toMatchObject({
      status: 200,
      checks: { database: { ok: true }, presence: { ok: true }, queue: { ok: true } },
    });
    await withoutConnections('howdah-live', async () => {
      expect(await untilFailed(['presence'], url)).toMatchObject({ status: 503 });
    });
    expect(await untilFailed([], url)).toMatchObject({ status: 200 });
  } finally {
    await worker.stop(0);
    expect(failedChecks(await ask(url))).toEqual(['presence', 'queue']);
    await server.close();
    await pool.end();
  }
});
