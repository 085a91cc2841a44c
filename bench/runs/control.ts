import type { Bench } from '../bench.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import { figure, percentile } from '../figures.ts';
import type { BenchDatabase } from '../server.ts';

const RUNS = 200;
const BULK = 2_000;

/**
 * From `cancel_execution` to the signal that hangs up on the model, for runs that are all in the middle of a model call
 * of one worker; and what each control costs when one statement names many runs, beside a plain update of them.
 */
export const control: Bench = async ({ server, talk }) => {
  const database = await server.createDatabase();
  try {
    await database.pool.query(BENCH_AGENT);
    const waits = await cancelInMidCall(database);
    await atOnce(database, talk);
    return [
      figure('control', 'cancel_ms_p50', percentile(waits, 50), 'ms'),
      figure('control', 'cancel_ms', percentile(waits, 99), 'ms', { atMost: 500 }),
    ];
  } finally {
    await database.drop();
  }
};

async function cancelInMidCall({ url, pool }: BenchDatabase): Promise<number[]> {
  const calls = new Map<string, { signal: AbortSignal; left: Promise<void> }>();
  const allStarted = Promise.withResolvers<void>();
  const worker = await startEngine({
    url,
    concurrency: RUNS,
    onModelCall: (input, signal) => {
      const left = new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      calls.set(input, { signal, left });
      if (calls.size === RUNS) {
        allStarted.resolve();
      }
      return left;
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
        calls.get(input)?.left,
      ]);
      waits.push(performance.now() - cancelledAt);
    }
    return waits;
  } finally {
    await worker.stop(0);
  }
}

/** No worker runs any more, so what is inserted stays queued. */
async function atOnce({ pool }: BenchDatabase, talk: (line: string) => void): Promise<void> {
  await pool.query(
    `insert into howdah.executions (agent_id, input, metadata)
     select howdah.agent('bench'), 'x', '{"bulk": true}' from generate_series(1, $1)`,
    [BULK],
  );
  await pool.query('analyze howdah.executions');
  const these = `from howdah.executions where metadata @> '{"bulk": true}'`;
  const took = async (text: string): Promise<number> => {
    const startedAt = performance.now();
    await pool.query(text);
    return (performance.now() - startedAt) / BULK;
  };
  const plain = await took(
    `update howdah.executions set updated_at = now() where metadata @> '{"bulk": true}'`,
  );
  talk(`${BULK} runs in one statement, ms per run: plain update ${plain.toFixed(3)}`);
  for (const name of ['pause', 'resume', 'cancel', 'retry']) {
    const each = await took(
      `select count(*) from (select howdah.${name}_execution(id) ${these} order by id offset 0) as t`,
    );
    talk(`${name.padEnd(7)} ${each.toFixed(3)}  (${Math.round(each / plain)} plain updates)`);
  }
}
