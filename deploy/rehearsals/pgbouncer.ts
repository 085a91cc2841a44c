import { parseArgs } from 'node:util';
import { type Figure, figure, percentile } from '../../bench/figures.ts';
import type { BenchDatabase } from '../../bench/server.ts';
import type { ApiServer } from '../../src/api/server.ts';
import { noPgbouncer, startPgbouncer } from '../../test/support/database/pgbouncer.ts';
import {
  createPromptMutation,
  NEWEST_PROMPTS,
  sendGraphql,
  startApiServer,
} from './support/api-server.ts';
import { type RehearsalOptions, UsageError } from './support/rehearsal.ts';

export const title = 'compares several APIs on direct connections and behind a small PgBouncer';

export const usage = `  --apis N      API servers (4)
  --seconds N   duration of the load, once on direct connections and once behind PgBouncer (5)`;

const CLIENTS = 40;
const POOL_SIZE = 5;
/** Every tenth request is a mutation. The others are queries. */
const REQUESTS_PER_MUTATION = 10;
const POLL_MS = 50;

/** Measures requests and connections without a pooler, and with one. */
export async function* run({ argv, log, server }: RehearsalOptions): AsyncGenerator<Figure> {
  if (noPgbouncer) throw new UsageError(noPgbouncer);
  const { values } = parseArgs({
    args: [...argv],
    options: {
      apis: { type: 'string', default: '4' },
      seconds: { type: 'string', default: '5' },
    },
  });
  const [apis, seconds] = [Number(values.apis), Number(values.seconds)];
  if (!(apis > 0 && seconds > 0)) throw new UsageError('--apis and --seconds take numbers above 0');
  const { url, createDatabase } = await server();
  const database = await createDatabase();
  const pgbouncer = await startPgbouncer(url, POOL_SIZE);
  try {
    for (const way of ['direct', 'pooled'] as const) {
      log(`${apis} APIs, ${CLIENTS} clients, ${way} connections`);
      const poolerUrl = pgbouncer.urlOf(database.url);
      const more = way === 'pooled' ? { poolerUrl } : {};
      const started = await Promise.all(
        Array.from({ length: apis }, () => startApiServer(database.url, more)),
      );
      try {
        const { times, failed, connections } = await sendLoad(started, database, way, seconds);
        const bound = way === 'pooled' ? { atMost: POOL_SIZE } : {};
        yield figure('pgbouncer', `${way}_connections_of_requests`, connections, 'count', bound);
        yield figure('pgbouncer', `${way}_requests_per_second`, times.length / seconds, '/s');
        yield figure('pgbouncer', `${way}_request_ms_p50`, percentile(times, 50), 'ms');
        yield figure('pgbouncer', `${way}_request_ms_p99`, percentile(times, 99), 'ms');
        yield figure('pgbouncer', `${way}_requests_failed`, failed, 'count', { atMost: 0 });
      } finally {
        await Promise.all(started.map((api) => api.close()));
      }
    }
  } finally {
    await pgbouncer.stop();
    await database.drop();
  }
}

/**
 * Sends requests of all clients, each to the APIs in turn. Returns the duration of each request,
 * the number of failed requests, and the largest number of connections.
 */
async function sendLoad(
  apis: ApiServer[],
  { pool }: BenchDatabase,
  way: string,
  seconds: number,
): Promise<{ times: number[]; failed: number; connections: number }> {
  const times: number[] = [];
  let failed = 0;
  let connections = 0;
  const end = performance.now() + seconds * 1_000;
  const sendRequests = async (_: unknown, client: number) => {
    for (let turn = client; performance.now() < end; turn += 1) {
      const api = apis[turn % apis.length] as ApiServer;
      const isMutation = turn % REQUESTS_PER_MUTATION === 0;
      const mutation = createPromptMutation(`${way}-${client}-${turn}`);
      const startedAt = performance.now();
      const { ok } = await sendGraphql(api, isMutation ? mutation : NEWEST_PROMPTS);
      times.push(performance.now() - startedAt);
      if (!ok) failed += 1;
    }
  };
  const countConnections = async () => {
    while (performance.now() < end) {
      const { rows } = await pool.query(
        `select count(*)::int as now from pg_stat_activity
         where application_name = 'howdah-api' and datname = current_database()`,
      );
      connections = Math.max(connections, rows[0].now);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  await Promise.all([...Array.from({ length: CLIENTS }, sendRequests), countConnections()]);
  return { times, failed, connections };
}
