import { readCounters } from '../meters/counters.ts';
import type { ServerMeter } from '../meters/server-meter.ts';
import { BENCH_AGENT } from '../processes/engine.ts';
import { startWorkerProcess, type WorkerProcess } from '../processes/worker-process.ts';
import type { BenchDatabase } from '../server.ts';

export const RUNS_AT_ONCE = 64;
const CALLS_PER_RUN = 19;
const RUNS = 640;
/** With fewer runs V8 would still compile during a third of the measured time. */
const WARM_UP_RUNS = 640;

/** CPU is in microseconds per step, of the worker process and of all processes of the server. */
export type EngineRound = {
  stepsPerSecond: number;
  transactions: number;
  walKb: number;
  workerCpuUs: number;
  serverCpuUs: number;
  coresBusy: number;
};
export type BenchTarget = { database: BenchDatabase; meter: ServerMeter };

/** Measures a worker process that executes many runs. */
export async function measureEngine({ database, meter }: BenchTarget): Promise<EngineRound> {
  const worker = await startWorkerProcess({ url: database.url, concurrency: RUNS_AT_ONCE });
  const read = async () => ({
    ...(await readCounters(meter.client)),
    workerUs: (await worker.usage()).cpuSeconds * 1e6,
    serverUs: meter.cpuUs(),
  });
  try {
    await database.pool.query(
      `do $do$ begin if not exists (select from howdah.agents where name = 'bench') then ${BENCH_AGENT}; end if; end $do$`,
    );
    await runAll(database, meter, worker, WARM_UP_RUNS);
    const before = await read();
    const ids = await runAll(database, meter, worker, RUNS);
    const after = await read();
    const { rows } = await database.pool.query(
      `select count(*)::int as steps, extract(epoch from max(finished_at) - min(started_at))::float8 as seconds
       from howdah.steps where execution_id = any ($1)`,
      [ids],
    );
    const { steps: done, seconds } = rows[0];
    const workerUs = after.workerUs - before.workerUs;
    const serverUs = after.serverUs - before.serverUs;
    return {
      stepsPerSecond: done / seconds,
      transactions: (after.commits - before.commits) / done,
      walKb: (after.wal - before.wal) / 1024 / done,
      workerCpuUs: workerUs / done,
      serverCpuUs: serverUs / done,
      coresBusy: (workerUs + serverUs) / 1e6 / seconds,
    };
  } finally {
    await worker.stop();
  }
}

/**
 * Inserts runs and waits for their ends. Only the CPU of the insert is counted, not that of
 * waiting.
 */
async function runAll(
  { pool }: BenchDatabase,
  { client }: ServerMeter,
  { child }: WorkerProcess,
  runs: number,
): Promise<string[]> {
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('bench'), $1 || ' ping' from generate_series(1, $2::int) returning id`,
    [CALLS_PER_RUN, runs],
  );
  const ids = rows.map((row) => row.id);
  for (;;) {
    const open = await client.query(
      'select count(*)::int as runs from howdah.executions where id = any ($1) and completed_at is null',
      [ids],
    );
    if (open.rows[0].runs === 0) {
      return ids;
    }
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the worker ended with ${child.exitCode ?? child.signalCode}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
