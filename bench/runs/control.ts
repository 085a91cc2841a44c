import type { Bench } from '../bench.ts';
import { figure, percentile } from '../figures.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchDatabase } from '../server.ts';

const RUNS = 200;
const MANY = 2_000;
/** The functions for many runs, in an order in which each one applies to all of them. */
const CONTROLS = ['pause', 'resume', 'cancel', 'retry'] as const;

/**
 * Cancels runs of one worker during their model calls. Measures the time from `cancel_execution` to
 * the signal that aborts the model call. Then compares the control functions for many runs with the
 * insert of these runs.
 */
export const control: Bench = async ({ server, rounds, talk }) => {
  const database = await server.createDatabase();
  try {
    await database.pool.query(BENCH_AGENT);
    const waits = await cancelDuringModelCalls(database);
    const ratios: Record<string, number>[] = [];
    for (let round = 1; round <= rounds(3); round += 1) {
      ratios.push(await controlMany(database, round, talk));
    }
    return [
      figure('control', 'cancel_ms_p50', percentile(waits, 50), 'ms'),
      figure('control', 'cancel_ms', percentile(waits, 99), 'ms', { atMost: 500 }),
      ...CONTROLS.map((name) =>
        figure(
          'control',
          `${name}_many_vs_insert_ratio`,
          ratios.map((ratio) => ratio[name] ?? Number.NaN),
          'ratio',
          { atMost: 6 },
        ),
      ),
    ];
  } finally {
    await database.drop();
  }
};

async function cancelDuringModelCalls({ url, pool }: BenchDatabase): Promise<number[]> {
  const calls = new Map<string, { signal: AbortSignal; aborted: Promise<void> }>();
  const allStarted = Promise.withResolvers<void>();
  const worker = await startEngine({
    url,
    concurrency: RUNS,
    onModelCall: (input, signal) => {
      const aborted = new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      calls.set(input, { signal, aborted });
      if (calls.size === RUNS) {
        allStarted.resolve();
      }
      return aborted;
    },
  });
  try {
    const { rows } = await pool.query(
      `insert into howdah.executions (agent_id, input)
       select howdah.agent('bench'), 'run ' || i from generate_series(1, $1) as i returning id, input`,
      [RUNS],
    );
    await allStarted.promise;
    const waits: number[] = [];
    for (const { id, input } of rows) {
      const cancelledAt = performance.now();
      await Promise.all([
        pool.query('select howdah.cancel_execution($1)', [id]),
        calls.get(input)?.aborted,
      ]);
      waits.push(performance.now() - cancelledAt);
    }
    return waits;
  } finally {
    await worker.stop(0);
  }
}

/**
 * Inserts many runs by one statement, and controls all of them by one call of each function. The
 * runs stay queued, because no worker is left. Returns the times, compared with the insert.
 */
async function controlMany(
  { pool }: BenchDatabase,
  round: number,
  talk: (line: string) => void,
): Promise<Record<string, number>> {
  const ids: string[] = [];
  const insertMs = await measureMs(async () => {
    const { rows } = await pool.query(
      `insert into howdah.executions (agent_id, input)
       select howdah.agent('bench'), 'many' from generate_series(1, $1::int) returning id`,
      [MANY],
    );
    ids.push(...rows.map(({ id }) => id));
  });
  await pool.query('analyze howdah.executions');
  const ratios: Record<string, number> = {};
  for (const name of CONTROLS) {
    const ms = await measureMs(async () => {
      const { rows } = await pool.query(
        `select count(*)::int as done from howdah.${name}_executions($1) where error is null`,
        [ids],
      );
      if (rows[0].done !== MANY) throw new Error(`${name}: ${rows[0].done} of ${MANY} runs`);
    });
    ratios[name] = ms / insertMs;
  }
  const times = CONTROLS.map((name) => `${name} ${ratios[name]?.toFixed(1)}`).join(', ');
  talk(`round ${round}: insert of ${MANY} runs ${insertMs.toFixed(0)} ms; times as long: ${times}`);
  return ratios;
}

async function measureMs(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
