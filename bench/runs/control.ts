import type { Bench } from '../bench.ts';
import { figure, percentile } from '../figures.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchDatabase } from '../server.ts';

const RUNS = 200;
const BULK = 2_000;

/**
 * Cancels runs of one worker during their model calls. Measures the time from `cancel_execution` to
 * the signal that aborts the model call. Also prints the time of each control function for many
 * runs in one statement, compared with a plain update of these runs.
 */
export const control: Bench = async ({ server, talk }) => {
  const database = await server.createDatabase();
  try {
    await database.pool.query(BENCH_AGENT);
    const waits = await cancelDuringModelCalls(database);
    await reportManyRuns(database, talk);
    return [
      figure('control', 'cancel_ms_p50', percentile(waits, 50), 'ms'),
      figure('control', 'cancel_ms', percentile(waits, 99), 'ms', { atMost: 500 }),
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

/** Measures control functions for many runs. The runs stay queued, because no worker is left. */
async function reportManyRuns(
  { pool }: BenchDatabase,
  talk: (line: string) => void,
): Promise<void> {
  await pool.query(
    `insert into howdah.executions (agent_id, input, metadata)
     select howdah.agent('bench'), 'x', '{"bulk": true}' from generate_series(1, $1)`,
    [BULK],
  );
  await pool.query('analyze howdah.executions');
  const bulkRuns = `from howdah.executions where metadata @> '{"bulk": true}'`;
  const msPerRun = async (text: string): Promise<number> => {
    const startedAt = performance.now();
    await pool.query(text);
    return (performance.now() - startedAt) / BULK;
  };
  const plain = await msPerRun(
    `update howdah.executions set updated_at = now() where metadata @> '{"bulk": true}'`,
  );
  talk(`${BULK} runs in one statement, ms per run: plain update ${plain.toFixed(3)}`);
  for (const name of ['pause', 'resume', 'cancel', 'retry']) {
    const ms = await msPerRun(
      `select count(*) from (select howdah.${name}_execution(id) ${bulkRuns} order by id offset 0) as t`,
    );
    talk(`${name.padEnd(7)} ${ms.toFixed(3)}  (${Math.round(ms / plain)} plain updates)`);
  }
}
