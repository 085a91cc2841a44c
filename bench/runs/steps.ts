import type { Bench, BenchContext } from '../bench.ts';
import { type Figure, figure, formatSpread, ratios } from '../figures.ts';
import { findPgbench, measurePgbench } from '../meters/pgbench.ts';
import { openServerMeter, SERVER_CPU_NOT_MEASURED } from '../meters/server-meter.ts';
import type { BenchDatabase } from '../server.ts';
import { measureSystem, systemsFor } from '../systems.ts';
import {
  type BenchTarget,
  type EngineRound,
  measureEngine,
  RUNS_AT_ONCE,
} from './engine-rounds.ts';
import { measureStepsWithLimit } from './limited-steps.ts';

const STEPS_PER_PEER_RUN = 20;
const PEER_SECONDS = 4;
/**
 * The number of connections by which a worker commits. pgbench with so few clients shows the cost
 * of flushes that transactions cannot share.
 */
const FEW_CLIENTS = 4;

/** The rounds of the engine, and the values of other systems by figure. */
type Rounds = { engine: EngineRound[]; others: Map<string, number[]> };

/**
 * Measures durable steps per second of the whole engine, with 64 runs at once. The rounds alternate
 * with those of pgbench, raw_node and the peers on the same server. All of them commit with fsync,
 * and a step counts when its commit has returned. With `--with-limit`, the rounds alternate with
 * rounds under a limit of tokens instead.
 */
export const steps: Bench = async (context) => {
  if (context.withLimit) return measureStepsWithLimit(context);
  const pgbench = await findPgbench();
  if (!pgbench) context.talk('pgbench is not installed; its figures are omitted');
  const database = await context.server.createDatabase();
  const meter = await openServerMeter(context.server, database);
  const target = { database, meter };
  if (Number.isNaN(meter.cpuUs())) context.talk(SERVER_CPU_NOT_MEASURED);
  try {
    const fast = await measureRounds(context, target, context.rounds(5), async (record) => {
      if (pgbench) await recordPgbench(pgbench, target, RUNS_AT_ONCE, record);
      for (const { name } of systemsFor('steps', context.has)) {
        const measured = await measureOther(context, name);
        for (const [figureName, value] of Object.entries(measured)) {
          record(`${name}_${figureName}`, value);
        }
      }
    });
    if (!context.server.isSuperuser) {
      context.talk('only a superuser can delay flushes; the figures of slow flushes are omitted');
      return figuresOf(fast);
    }
    await delayFlushes(database);
    context.talk('with flushes of 2 ms, as on a cloud disk:');
    const slow = await measureRounds(context, target, context.rounds(5), async (record) => {
      if (!pgbench) return;
      await recordPgbench(pgbench, target, RUNS_AT_ONCE, record);
      await recordPgbench(pgbench, target, FEW_CLIENTS, record);
    });
    return [...figuresOf(fast), ...slowFigures(slow)];
  } finally {
    await meter.close();
    await database.drop();
  }
};

type RecordValue = (name: string, value: number) => void;

async function recordPgbench(
  pgbench: string,
  { database, meter }: BenchTarget,
  clients: number,
  record: RecordValue,
): Promise<void> {
  const name = clients === RUNS_AT_ONCE ? 'pgbench' : `pgbench_${clients}_clients`;
  const measured = await measurePgbench(pgbench, database, meter, clients);
  record(`${name}_steps_per_second`, measured.stepsPerSecond);
  record(`${name}_server_cpu_us_per_step`, measured.serverCpuUs);
  record(`${name}_wal_kb_per_step`, measured.walKb);
}

/**
 * Delays the flushes of all later sessions by 2 ms. Commits that arrive during the delay share the
 * flush. Compared with an fdatasync that takes 2 ms longer, pgbench differs little with 64 clients,
 * where the CPU of small machines is the limit. With few clients pgbench is up to twice as fast.
 * This setting therefore never puts pgbench at a disadvantage.
 */
async function delayFlushes({ pool }: BenchDatabase): Promise<void> {
  const { rows } = await pool.query('select current_database() as name');
  await pool.query(`alter database ${rows[0].name} set commit_delay = 2000`);
  await pool.query(`alter database ${rows[0].name} set commit_siblings = 0`);
}

function figuresOf({ engine, others }: Rounds): Figure[] {
  const ours = engine.map((round) => round.stepsPerSecond);
  const ratiosTo = (name: string): number[] =>
    ratios(ours, others.get(`${name}_steps_per_second`) ?? []);
  return [
    ...['pgbench', 'dbos', 'langgraph']
      .filter((name) => others.has(`${name}_steps_per_second`))
      .map((name) =>
        figure(
          'steps',
          `steps_vs_${name}_ratio`,
          ratiosTo(name),
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
    ...cpuFigures(engine, others.get('pgbench_server_cpu_us_per_step')),
    figure('steps', 'steps_per_second', ours, '1/s'),
    ...[...others].map(([name, values]) =>
      figure('steps', name, values, unitOf(name), { role: roleOf(name) }),
    ),
  ];
}

function cpuFigures(engine: readonly EngineRound[], pgbench: number[] | undefined): Figure[] {
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

function slowFigures({ engine, others }: Rounds): Figure[] {
  const ours = engine.map((round) => round.stepsPerSecond);
  const all = others.get('pgbench_steps_per_second');
  const few = others.get('pgbench_4_clients_steps_per_second');
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

/**
 * Measures rounds, each of the engine and then of the others, so that other load on the machine
 * affects all of them.
 */
async function measureRounds(
  { talk }: BenchContext,
  target: BenchTarget,
  count: number,
  measureOthers: (record: RecordValue) => Promise<void>,
): Promise<Rounds> {
  const engine: EngineRound[] = [];
  const others = new Map<string, number[]>();
  for (let round = 1; round <= count; round += 1) {
    engine.push(await measureEngine(target));
    await measureOthers((name, value) => others.set(name, [...(others.get(name) ?? []), value]));
  }
  talk(`howdah ${formatSpread(engine.map((round) => round.stepsPerSecond))}`);
  talk(`worker CPU µs per step ${formatSpread(engine.map((round) => round.workerCpuUs))}`);
  talk(`server CPU µs per step ${formatSpread(engine.map((round) => round.serverCpuUs))}`);
  for (const [name, values] of others) {
    talk(`${name} ${formatSpread(values)}`);
  }
  return { engine, others };
}

/** Measures one other system for one round. */
async function measureOther(context: BenchContext, system: string) {
  const result = await measureSystem<'steps'>(context, {
    system,
    kind: 'steps',
    runsAtOnce: RUNS_AT_ONCE,
    stepsPerRun: STEPS_PER_PEER_RUN,
    seconds: PEER_SECONDS,
    tag: 'steps',
  });
  const { steps_per_second = Number.NaN, steps: done = Number.NaN, commits, wal } = result;
  return {
    steps_per_second,
    transactions_per_step: commits / done,
    wal_kb_per_step: wal / 1024 / done,
  };
}
