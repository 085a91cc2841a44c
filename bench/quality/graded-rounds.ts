import type { BenchContext } from '../bench.ts';
import { measureRuns } from '../data/inserted-runs.ts';
import { dataSize } from '../data-sizes.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchDatabase } from '../server.ts';

/** Runs that are graded in each part of a round. */
export const GRADED_RUNS = dataSize('GRADED_RUNS');
const SLOTS = 100;

/**
 * Measures rounds, each in a database of its own with these graders, a worker and runs that warm it
 * up. `measure` returns what it has measured, in words.
 */
export async function measureGradedRounds(
  { server, talk }: Pick<BenchContext, 'server' | 'talk'>,
  rounds: number,
  graders: string,
  measure: (database: BenchDatabase) => Promise<string>,
): Promise<void> {
  for (let round = 1; round <= rounds; round += 1) {
    const database = await server.createDatabase();
    const worker = await startEngine({ url: database.url, concurrency: SLOTS });
    try {
      await database.pool.query(BENCH_AGENT);
      await database.pool.query(graders);
      await measureRuns(database, Math.round(GRADED_RUNS / 4));
      talk(`round ${round} of ${rounds}: ${await measure(database)}`);
    } finally {
      await worker.stop(0);
      await database.drop();
    }
  }
}
