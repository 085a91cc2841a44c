import { generateHistory } from '../../src/db/sample-history/generate.ts';
import type { Bench } from '../bench.ts';
import { dataSize } from '../data-sizes.ts';
import { type Figure, figure, median } from '../figures.ts';
import type { BenchDatabase } from '../server.ts';
import { ANALYTICS_QUERIES } from './analytics-queries.ts';
import { measureHotCalls, measureSubscription } from './hot-path-calls.ts';
import { measureBloat, measureSession, measureSteps } from './storage.ts';

/** The number of runs of the history. Each has ten steps. */
const EXECUTIONS = dataSize('HISTORY_EXECUTIONS');
const UPDATES = dataSize('HISTORY_UPDATES');
const ROUNDS = 3;

/**
 * Compares two databases of one server: one is empty, the other has a long history. The calls
 * alternate between both, so that only the history differs. Also measures ten analytical queries,
 * the bytes of a step, and the growth of a session of a hundred turns.
 */
export const history: Bench = async ({ server, talk }) => {
  const fresh = await server.createDatabase();
  const full = await server.createDatabase();
  try {
    const written = await fill(full, talk);
    const calls = await measureHotCalls({ fresh, full });
    const figures: Figure[] = [figure('history', 'generated_rows_per_second', written, '1/s')];
    for (const [name, { fresh: before, full: after }] of Object.entries(calls)) {
      talk(`${name}: ${before.toFixed(3)} ms without, ${after.toFixed(3)} ms with history`);
      figures.push(
        figure('history', `${name}_ms_p50`, after, 'ms'),
        figure('history', `${name}_flat_ratio`, after / before, 'ratio', { atMost: 1.3 }),
      );
    }
    await measureSubscription(fresh); // warms up this process
    const before = await measureSubscription(fresh);
    const after = await measureSubscription(full);
    figures.push(
      figure('history', 'subscription_first_row_ms_p50', after.firstRow, 'ms'),
      figure('history', 'subscription_live_row_ms_p50', after.liveRow, 'ms'),
      figure('history', 'subscription_flat_ratio', after.firstRow / before.firstRow, 'ratio'),
    );
    figures.push(...(await measureQueries(full)));
    figures.push(...(await measureSteps(fresh)), ...(await measureSession(fresh)));
    return [...figures, ...(await measureBloat(fresh, UPDATES))];
  } finally {
    await fresh.drop();
    await full.drop();
  }
};

/** Generates the history. Returns the rows per second. */
async function fill(database: BenchDatabase, talk: (line: string) => void): Promise<number> {
  const startedAt = performance.now();
  const options = { steps: 10, days: 90, tenants: 1, agents: 8, seed: 1, until: new Date() };
  const { executions, steps, messages } = await generateHistory(
    database.url,
    { ...options, executions: EXECUTIONS, append: false },
    () => {},
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const { rows } = await database.pool.query(
    'select round(pg_database_size(current_database()) / 1e6)::int as mb',
  );
  talk(
    `${executions} runs, ${steps} steps, ${messages} messages in ${seconds.toFixed(0)} s; ${rows[0].mb} MB`,
  );
  await countAllUsage(database);
  await database.pool.query('vacuum analyze'); // as autovacuum does after a while
  return (executions + steps + messages) / seconds;
}

/** Counts the runs in the rollup of usage, as workers do. */
export async function countAllUsage({ pool }: BenchDatabase): Promise<void> {
  for (const step of ['backfill_usage() > 0', 'count_usage() > 0', 'merge_usage()']) {
    let isMore = true;
    while (isMore) {
      const { rows } = await pool.query(`select howdah_private.${step} as is_more`);
      isMore = rows[0].is_more;
    }
  }
}

async function measureQueries({ pool }: BenchDatabase): Promise<Figure[]> {
  const { rows } = await pool.query(
    `select root_execution_id as id, tenant_id
     from howdah.executions where parent_execution_id is not null limit 1`,
  );
  const client = await pool.connect();
  try {
    await client.query(`select set_config('howdah.tenant_id', $1, false)`, [rows[0].tenant_id]);
    const figures: Figure[] = [];
    for (const { name, text, values } of ANALYTICS_QUERIES) {
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const startedAt = performance.now();
        await client.query(text, values?.(rows[0]) ?? []);
        times.push(performance.now() - startedAt);
      }
      figures.push(figure('history', `${name}_ms`, median(times), 'ms'));
    }
    return figures;
  } finally {
    client.release(true);
  }
}
