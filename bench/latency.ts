import type { Bench } from './bench.ts';
import { BENCH_AGENT, startEngine } from './engine.ts';
import { figure, percentile } from './figures.ts';

const SAMPLES = 300;
const STEPS = 199;

/** From before the insert to the first model request, one at a time on an idle system; and the engine's own time per step. */
export const latency: Bench = async ({ server }) => {
  const database = await server.createDatabase();
  const { url, pool } = database;
  const arrived = new Map<string, () => void>();
  const worker = await startEngine({
    url,
    concurrency: 10,
    onModelCall: (input) => arrived.get(input)?.(),
  });
  try {
    await pool.query(BENCH_AGENT);
    const waits: number[] = [];
    for (let sample = 0; sample < SAMPLES + 20; sample += 1) {
      const input = `0 sample ${sample}`;
      const { promise, resolve } = Promise.withResolvers<void>();
      arrived.set(input, resolve);
      const begun = performance.now();
      await pool.query(INSERT, [input]);
      await promise;
      waits.push(performance.now() - begun);
      arrived.delete(input);
      await finished(pool);
    }
    const measured = waits.slice(20);
    const perStep = await stepTimes(pool);
    return [
      figure('latency', 'insert_to_model_ms_p50', percentile(measured, 50), 'ms', { atMost: 5 }),
      figure('latency', 'insert_to_model_ms_p99', percentile(measured, 99), 'ms', { atMost: 20 }),
      figure('latency', 'overhead_per_step_ms_p50', percentile(perStep, 50), 'ms', { atMost: 1.5 }),
    ];
  } finally {
    await worker.stop(0);
    await database.drop();
  }
};

const INSERT = `insert into howdah.executions (agent_id, input) values (howdah.agent('bench'), $1)`;

/** Model and tool take no time, so all time between two commits of a lonely run is the engine's. */
async function stepTimes(pool: {
  query: (text: string, values?: unknown[]) => Promise<{ rows: { ms: number }[] }>;
}) {
  await pool.query(INSERT, [`${(STEPS - 1) / 2} calls`]);
  await finished(pool);
  const { rows } = await pool.query(
    `select extract(epoch from finished_at - lag(finished_at) over (order by seq))::float8 * 1000 as ms
     from howdah.steps where execution_id = (select id from howdah.executions order by id desc limit 1)
     order by seq offset 1`,
  );
  return rows.map((row) => row.ms);
}

async function finished(pool: {
  query: (text: string) => Promise<{ rows: unknown[] }>;
}): Promise<void> {
  for (;;) {
    const { rows } = await pool.query(
      `select 1 from howdah.executions where completed_at is null limit 1`,
    );
    if (rows.length === 0) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
