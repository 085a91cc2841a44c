import { parseArgs } from 'node:util';
import { type Figure, figure, percentile } from '../../bench/figures.ts';
import type { BenchDatabase } from '../../bench/server.ts';
import type { ApiServer } from '../../src/api/server.ts';
import { noPgbouncer, startPgbouncer } from '../../test/support/database/pgbouncer.ts';
import { askApi, READING, startApiProcess, writing } from './support/api-process.ts';
import { type RehearsalOptions, UsageError } from './support/rehearsal.ts';

export const title = 'several API processes that share a few connections by a PgBouncer';

const CLIENTS = 40;
const POOL_SIZE = 5;

/** Options: --apis N (4) processes, --seconds N (5) of load, without a pooler and with one. */
export async function* run({ words, talk, server }: RehearsalOptions): AsyncGenerator<Figure> {
  if (noPgbouncer) throw new UsageError(noPgbouncer);
  const { values } = parseArgs({
    args: [...words],
    options: {
      apis: { type: 'string', default: '4' },
      seconds: { type: 'string', default: '5' },
    },
  });
  const [apis, seconds] = [Number(values.apis), Number(values.seconds)];
  if (!(apis > 0 && seconds > 0)) throw new UsageError('--apis and --seconds are numbers above 0');
  const { url, createDatabase } = await server();
  const database = await createDatabase();
  const pgbouncer = await startPgbouncer(url, POOL_SIZE);
  try {
    for (const way of ['direct', 'pooled'] as const) {
      talk(`${apis} processes, ${CLIENTS} clients, ${way}`);
      const poolerUrl = pgbouncer.urlOf(database.url);
      const more = way === 'pooled' ? { poolerUrl } : {};
      const started = await Promise.all(
        Array.from({ length: apis }, () => startApiProcess(database.url, more)),
      );
      try {
        const { took, failed, most } = await load(started, database, way, seconds);
        const bound = way === 'pooled' ? { atMost: POOL_SIZE } : {};
        yield figure('pgbouncer', `${way}_connections_of_requests`, most, 'count', bound);
        yield figure('pgbouncer', `${way}_requests_per_second`, took.length / seconds, '/s');
        yield figure('pgbouncer', `${way}_request_ms_p50`, percentile(took, 50), 'ms');
        yield figure('pgbouncer', `${way}_request_ms_p99`, percentile(took, 99), 'ms');
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

/** Each client asks the processes in turn: nine queries, then a mutation. */
async function load(apis: ApiServer[], { pool }: BenchDatabase, way: string, seconds: number) {
  const took: number[] = [];
  let failed = 0;
  let most = 0;
  const end = performance.now() + seconds * 1_000;
  const client = async (_: unknown, one: number) => {
    for (let turn = one; performance.now() < end; turn += 1) {
      const api = apis[turn % apis.length] as ApiServer;
      const startedAt = performance.now();
      const { ok } = await askApi(
        api,
        turn % 10 === 0 ? writing(`${way}-${one}-${turn}`) : READING,
      );
      took.push(performance.now() - startedAt);
      if (!ok) failed += 1;
    }
  };
  const count = async () => {
    while (performance.now() < end) {
      const { rows } = await pool.query(
        `select count(*)::int as now from pg_stat_activity
         where application_name = 'howdah-api' and datname = current_database()`,
      );
      most = Math.max(most, rows[0].now);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await Promise.all([...Array.from({ length: CLIENTS }, client), count()]);
  return { took, failed, most };
}
