import type { Bench, BenchContext } from '../bench.ts';
import { type Figure, figure, ratios } from '../figures.ts';
import { BENCH_AGENT } from '../processes/engine.ts';
import { startFakeModel } from '../processes/fake-model.ts';
import { startWorkerProcess } from '../processes/worker-process.ts';
import type { BenchDatabase } from '../server.ts';
import { measureSystem, systemsFor } from '../systems.ts';
import { questions } from './questions.ts';

const RUNS = 10_000;
const TURNS = 3;
/** The wall time if all runs took no time except that of their three model calls. */
const IDEAL_S = 3;

type SystemUsage = { wall_s: number; rss_mb: number; cpu_s: number; stall_ms: number };

/**
 * Runs 10,000 runs in one process, each of which waits a second for its model three times. The
 * limits and peers send the same requests. Then the same number of runs wait for a person
 * (questions.ts).
 */
export const waiting: Bench = async (context) => {
  const model = await startFakeModel();
  const bySystem = new Map<string, SystemUsage[]>();
  const record = (name: string, usage: SystemUsage): void => {
    bySystem.set(name, [...(bySystem.get(name) ?? []), usage]);
    if (!Number.isNaN(usage.wall_s)) {
      const { wall_s, rss_mb, cpu_s } = usage;
      context.talk(
        `${name}: ${wall_s.toFixed(2)} s, ${Math.round(rss_mb)} MB, ${cpu_s.toFixed(1)} s CPU`,
      );
    }
  };
  try {
    for (let round = 1; round <= context.rounds(3); round += 1) {
      record('howdah', await measureEngine(context, model.url));
      for (const { name, role } of systemsFor('waiting', context.has)) {
        // Peers have one round: each takes up to a minute, and their figures differ widely from
        // ours.
        if (role === 'limit' || round === 1) {
          record(name, await measureOther(context, name, model.url));
        }
      }
    }
  } finally {
    model.stop();
  }
  return [...figuresOf(bySystem), ...(await questions(context))];
};

function figuresOf(bySystem: Map<string, SystemUsage[]>): Figure[] {
  const values = (system: string, field: keyof SystemUsage): number[] =>
    (bySystem.get(system) ?? []).map((round) => round[field]);
  const walls = values('howdah', 'wall_s');
  const others = [...bySystem.keys()].filter((name) => name !== 'howdah');
  return [
    figure(
      'waiting',
      'waiting_vs_promises_ratio',
      ratios(walls, values('promises', 'wall_s')),
      'ratio',
      {
        atMost: 1.3,
      },
    ),
    figure('waiting', 'waiting_rss_mb', values('howdah', 'rss_mb'), 'MB', { atMost: 1024 }),
    figure(
      'waiting',
      'waiting_over_ideal',
      walls.map((wall) => wall / IDEAL_S),
      'ratio',
    ),
    figure('waiting', 'waiting_wall_s', walls, 's'),
    figure('waiting', 'waiting_cpu_s', values('howdah', 'cpu_s'), 's'),
    figure('waiting', 'waiting_stall_ms', values('howdah', 'stall_ms'), 'ms'),
    ...others.flatMap((name) => {
      const role = ['promises', 'raw_node'].includes(name) ? 'limit' : 'peer';
      return [
        figure('waiting', `${name}_waiting_wall_s`, values(name, 'wall_s'), 's', { role }),
        figure('waiting', `${name}_waiting_rss_mb`, values(name, 'rss_mb'), 'MB', { role }),
        figure('waiting', `${name}_waiting_cpu_s`, values(name, 'cpu_s'), 's', { role }),
        figure('waiting', `${name}_waiting_stall_ms`, values(name, 'stall_ms'), 'ms', { role }),
      ];
    }),
  ];
}

/** Measures one other system. Figures that it lacks are NaN. */
async function measureOther(
  context: BenchContext,
  system: string,
  modelUrl: string,
): Promise<SystemUsage> {
  const result = await measureSystem<'waiting'>(context, {
    system,
    kind: 'waiting',
    runsAtOnce: RUNS,
    stepsPerRun: TURNS,
    modelUrl,
    tag: 'waiting',
  });
  const { wall_s = Number.NaN, rss_mb = Number.NaN } = result;
  const { cpu_s = Number.NaN, stall_ms = Number.NaN } = result;
  return { wall_s, rss_mb, cpu_s, stall_ms };
}

async function measureEngine({ server }: BenchContext, modelUrl: string): Promise<SystemUsage> {
  const database = await server.createDatabase();
  const worker = await startWorkerProcess({ url: database.url, concurrency: RUNS, modelUrl });
  try {
    await database.pool.query(BENCH_AGENT);
    const wall = await runAll(database.pool);
    const { cpuSeconds, rssMb, stallMs } = await worker.usage();
    return { wall_s: wall, rss_mb: rssMb, cpu_s: cpuSeconds, stall_ms: stallMs };
  } finally {
    await worker.stop();
    await database.drop();
  }
}

/**
 * Runs all runs. Two tool calls make three turns. Returns the seconds by the clock of the database,
 * to which the pauses between the queries of this function add nothing.
 */
async function runAll(pool: BenchDatabase['pool']): Promise<number> {
  const { rows: started } = await pool.query('select clock_timestamp()::text as at');
  await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('bench'), $1 || ' ping' from generate_series(1, $2::int)`,
    [TURNS - 1, RUNS],
  );
  for (;;) {
    const { rows } = await pool.query(
      'select 1 from howdah.executions where completed_at is null limit 1',
    );
    if (rows.length === 0) {
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { rows } = await pool.query(
    `select extract(epoch from max(completed_at) - $1::timestamptz)::float8 as seconds,
       count(*) filter (where status = 'completed')::int as completed
     from howdah.executions`,
    [started[0].at],
  );
  if (rows[0].completed !== RUNS) {
    throw new Error(`${rows[0].completed} of ${RUNS} runs completed`);
  }
  return rows[0].seconds;
}
