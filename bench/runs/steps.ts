import type { Bench, BenchContext } from '../bench.ts';
import { counters } from '../meters/counters.ts';
import { BENCH_AGENT } from '../processes/engine.ts';
import { type Figure, figure, ratios, formatSpread } from '../figures.ts';
import { findPgbench, measurePgbench } from '../meters/pgbench.ts';
import type { BenchDatabase } from '../server.ts';
import { SERVER_CPU_NOT_MEASURED, openServerMeter, type ServerMeter } from '../meters/server-meter.ts';
import { measureSystem, systemsFor } from '../systems.ts';
import { startWorkerProcess, type WorkerProcess } from '../processes/worker-process.ts';

const RUNS_AT_ONCE = 64;
const CALLS_PER_RUN = 19;
const RUNS = 640;
/** Fewer leave V8 compiling during a third of what is measured. */
const WARM_RUNS = 640;
const STEPS_PER_PEER_RUN = 20;
const PEER_SECONDS = 4;
/** Connections a worker commits by; pgbench with so few shows what a flush costs whoever cannot share it. */
const FEW_CLIENTS = 4;

/** CPU is microseconds for a step: of the worker process, and of all processes of the server. */
type Engine = {
  stepsPerSecond: number;
  transactions: number;
  walKb: number;
  workerCpuUs: number;
  serverCpuUs: number;
  coresBusy: number;
};
type Rounds = { engine: Engine[]; beside: Map<string, number[]> };
type Measured = { database: BenchDatabase; meter: ServerMeter };

/**
 * Durable steps per second at 64 runs, whole engine, beside pgbench, bare node and the peers on the same server in the
 * same rounds. All commit with fsync; a step counts when its commit has returned.
 */
export const steps: Bench = async (context) => {
  const pgbench = await findPgbench();
  if (!pgbench) context.talk('pgbench, the measure beside ours, is not installed: left out');
  const database = await context.server.createDatabase();
  const meter = await openServerMeter(context.server, database);
  const measured = { database, meter };
  if (Number.isNaN(meter.cpuUs())) context.talk(SERVER_CPU_NOT_MEASURED);
  try {
    const fast = await measureRounds(context, measured, context.rounds(5), async (note) => {
      if (pgbench) await notePgbench(pgbench, measured, RUNS_AT_ONCE, note);
      for (const { name } of systemsFor('steps', context.has)) {
        const found = await measureBeside(context, name);
        for (const [what, value] of Object.entries(found)) {
          note(`${name}_${what}`, value);
        }
      }
    });
    if (!context.server.isSuperuser) {
      context.talk('only a superuser can slow a flush down: left out');
      return figuresOf(fast);
    }
    await slowFlush(database);
    context.talk('… with a flush that takes 2 ms, as on a cloud disk');
    const slow = await measureRounds(context, measured, context.rounds(5), async (note) => {
      if (!pgbench) return;
      await notePgbench(pgbench, measured, RUNS_AT_ONCE, note);
      await notePgbench(pgbench, measured, FEW_CLIENTS, note);
    });
    return [...figuresOf(fast), ...slowFigures(slow)];
  } finally {
    await meter.close();
    await database.drop();
  }
};

type Note = (name: string, value: number) => void;

async function notePgbench(
  pgbench: string,
  { database, meter }: Measured,
  clients: number,
  note: Note,
): Promise<void> {
  const name = clients === RUNS_AT_ONCE ? 'pgbench' : `pgbench_${clients}_clients`;
  const found = await measurePgbench(pgbench, database, meter, clients);
  note(`${name}_steps_per_second`, found.stepsPerSecond);
  note(`${name}_server_cpu_us_per_step`, found.serverCpuUs);
  note(`${name}_wal_kb_per_step`, found.walKb);
}

/**
 * Lets the one who flushes sleep for 2 ms first, for all sessions that begin from now on; whoever commits meanwhile
 * joins. Beside a real fdatasync slowed down by 2 ms, pgbench differs little at 64 clients (there the CPU is the limit
 * on small machines) and is up to twice as fast with few clients, so this flatters pgbench if anything.
 */
async function slowFlush({ pool }: BenchDatabase): Promise<void> {
  const { rows } = await pool.query('select current_database() as name');
  await pool.query(`alter database ${rows[0].name} set commit_delay = 2000`);
  await pool.query(`alter database ${rows[0].name} set commit_siblings = 0`);
}

function figuresOf({ engine, beside }: Rounds): Figure[] {
  const ours = engine.map((round) => round.stepsPerSecond);
  const over = (name: string): number[] =>
    ratios(ours, beside.get(`${name}_steps_per_second`) ?? []);
  const found = [
    ...['pgbench', 'dbos', 'langgraph']
      .filter((name) => beside.has(`${name}_steps_per_second`))
      .map((name) =>
        figure(
          'steps',
          `steps_vs_${name}_ratio`,
          over(name),
          'ratio',
          name === 'pgbench' ? { atLeast: 1.5 } : {},
        ),
      ),
    figure(
      'steps',
      'transactions_per_step',
      engine.map((round) => round.transactions),
      'count',
      { atMost: 1 },
    ),
    figure(
      'steps',
      'wal_kb_per_step',
      engine.map((round) => round.walKb),
      'kB',
    ),
    ...cpuFigures(engine, beside.get('pgbench_server_cpu_us_per_step')),
    figure('steps', 'steps_per_second', ours, '1/s'),
  ];
  const others = [...beside].map(([name, values]) =>
    figure('steps', name, values, unitOf(name), { role: roleOf(name) }),
  );
  return [...found, ...others];
}

function cpuFigures(engine: readonly Engine[], pgbench: number[] | undefined): Figure[] {
  const worker = engine.map(({ workerCpuUs }) => workerCpuUs);
  const server = engine.map(({ serverCpuUs }) => serverCpuUs);
  const both = engine.map(({ workerCpuUs, serverCpuUs }) => workerCpuUs + serverCpuUs);
  return [
    figure('steps', 'cpu_us_per_step', both, 'µs'),
    figure('steps', 'worker_cpu_us_per_step', worker, 'µs'),
    figure('steps', 'server_cpu_us_per_step', server, 'µs'),
    ...(pgbench
      ? [figure('steps', 'server_cpu_vs_pgbench_ratio', ratios(server, pgbench), 'ratio')]
      : []),
    figure(
      'steps',
      'cores_busy',
      engine.map(({ coresBusy }) => coresBusy),
      'count',
    ),
  ];
}

function unitOf(name: string): string {
  if (name.endsWith('per_second')) {
    return '1/s';
  }
  if (name.endsWith('cpu_us_per_step')) return 'µs';
  return name.endsWith('wal_kb_per_step') ? 'kB' : 'count';
}

function roleOf(name: string): 'limit' | 'peer' {
  return /^(pgbench|raw_node)_/.test(name) ? 'limit' : 'peer';
}

function slowFigures({ engine, beside }: Rounds): Figure[] {
  const ours = engine.map((round) => round.stepsPerSecond);
  const all = beside.get('pgbench_steps_per_second');
  const few = beside.get('pgbench_4_clients_steps_per_second');
  if (!all || !few) return [figure('steps', 'steps_per_second_slow_flush', ours, '1/s')];
  return [
    figure('steps', 'steps_vs_pgbench_slow_flush_ratio', ratios(ours, all), 'ratio', {
      atLeast: 3,
    }),
    figure('steps', 'steps_vs_pgbench_slow_flush_4_clients_ratio', ratios(ours, few), 'ratio'),
    figure('steps', 'steps_per_second_slow_flush', ours, '1/s'),
    figure('steps', 'pgbench_steps_per_second_slow_flush', all, '1/s', { role: 'limit' }),
    figure('steps', 'pgbench_4_clients_steps_per_second_slow_flush', few, '1/s', { role: 'limit' }),
  ];
}

/** Round by round, ours and then the others, so that whatever else the machine does hits all of them. */
async function measureRounds(
  { talk }: BenchContext,
  measured: Measured,
  count: number,
  measureOthers: (note: Note) => Promise<void>,
): Promise<Rounds> {
  const engine: Engine[] = [];
  const beside = new Map<string, number[]>();
  for (let round = 1; round <= count; round += 1) {
    engine.push(await measureEngine(measured));
    await measureOthers((name, value) => beside.set(name, [...(beside.get(name) ?? []), value]));
  }
  talk(`howdah ${formatSpread(engine.map((round) => round.stepsPerSecond))}`);
  talk(`worker CPU µs per step ${formatSpread(engine.map((round) => round.workerCpuUs))}`);
  talk(`server CPU µs per step ${formatSpread(engine.map((round) => round.serverCpuUs))}`);
  for (const [name, values] of beside) {
    talk(`${name} ${formatSpread(values)}`);
  }
  return { engine, beside };
}

async function measureBeside(context: BenchContext, system: string) {
  const found = await measureSystem<'steps'>(context, {
    system,
    kind: 'steps',
    runsAtOnce: RUNS_AT_ONCE,
    stepsPerRun: STEPS_PER_PEER_RUN,
    seconds: PEER_SECONDS,
    tag: 'steps',
  });
  const { steps_per_second = Number.NaN, steps: done = Number.NaN, commits, wal } = found;
  return {
    steps_per_second,
    transactions_per_step: commits / done,
    wal_kb_per_step: wal / 1024 / done,
  };
}

async function measureEngine({ database, meter }: Measured): Promise<Engine> {
  const worker = await startWorkerProcess({ url: database.url, concurrency: RUNS_AT_ONCE });
  const read = async () => ({
    ...(await counters(meter.client)),
    workerUs: (await worker.usage()).cpuSeconds * 1e6,
    serverUs: meter.cpuUs(),
  });
  try {
    await database.pool.query(
      `do $do$ begin if not exists (select from howdah.agents where name = 'bench') then ${BENCH_AGENT}; end if; end $do$`,
    );
    await runAll(database, meter, worker, WARM_RUNS);
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

/** Inserts runs and waits for their ends. The CPU of the insert counts, that of the waiting does not. */
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
