import type { Bench } from '../bench.ts';
import { dataSize } from '../data-sizes.ts';
import { figure, ratios } from '../figures.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchDatabase } from '../server.ts';
import { measureRuns, until } from './inserted-runs.ts';

const ROWS = dataSize('WATCHED_ROWS');
/** A third of the rows shows whether the time per answer grows with their number. */
const FEW = Math.round(ROWS / 3);
const SLOTS = 100;

/**
 * Inserts rows into a watched table, and measures the time until all answers are in the rows.
 * Compares it with the same number of runs that are inserted by themselves.
 */
export const writeBack: Bench = async ({ server, rounds, talk }) => {
  const runs: number[] = [];
  const answers: Times[] = [];
  const few: Times[] = [];
  for (let round = 1; round <= rounds(3); round += 1) {
    const database = await server.createDatabase();
    const worker = await startEngine({ url: database.url, concurrency: SLOTS });
    try {
      await database.pool.query(BENCH_AGENT);
      await measureRuns(database, FEW); // warms up
      runs.push(await measureRuns(database, ROWS));
      few.push(await measureAnswers(database, 'few', FEW));
      answers.push(await measureAnswers(database, 'many', ROWS));
      talk(
        `round ${round} of ${rounds(3)}: ${ROWS} runs ${runs.at(-1)} ms; answers ${JSON.stringify(answers.at(-1))}`,
      );
    } finally {
      await worker.stop(0);
      await database.drop();
    }
  }
  const all = answers.map(({ last }) => last);
  return [
    figure('write-back', 'write_back_runs_ms', runs, 'ms'),
    figure(
      ...['write-back', 'write_back_first_ms'],
      answers.map(({ first }) => first),
      'ms',
    ),
    figure('write-back', 'write_back_ms', all, 'ms'),
    figure('write-back', 'write_back_vs_runs_ratio', ratios(all, runs), 'ratio', { atMost: 1.5 }),
    figure(
      ...['write-back', 'write_back_growth_ratio'],
      ratios(
        all.map((ms) => ms / ROWS),
        few.map(({ last }) => last / FEW),
      ),
      'ratio',
      { atMost: 1.2 },
    ),
  ];
};

/** The times from before the insert until the first and the last answer are in their rows. */
type Times = { first: number; last: number };

async function measureAnswers(
  { pool }: BenchDatabase,
  name: string,
  count: number,
): Promise<Times> {
  await pool.query(
    `create table public.${name} (id bigint primary key generated always as identity, body text, reply text);
     select howdah.watch_table('public.${name}', 'bench', input => 'body', into_column => 'reply')`,
  );
  const startedAt = performance.now();
  await pool.query(
    `insert into public.${name} (body) select '0 calls' from generate_series(1, $1::int)`,
    [count],
  );
  let first: number | undefined;
  await until(async () => {
    const { rows } = await pool.query(`select count(reply)::int as done from public.${name}`);
    if (rows[0].done > 0) first ??= Math.round(performance.now() - startedAt);
    return rows[0].done >= count;
  });
  return { first: first ?? Number.NaN, last: Math.round(performance.now() - startedAt) };
}
