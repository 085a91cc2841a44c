import type { Bench, BenchContext } from './bench.ts';
import { counters } from './counters.ts';
import { BENCH_AGENT, startEngine } from './engine.ts';
import { type Figure, figure, ratios, spread } from './figures.ts';
import { findPgbench, measurePgbench } from './pgbench.ts';
import type { BenchDatabase } from './server.ts';
import { measureSystem, systemsFor } from './systems.ts';

const RUNS_AT_ONCE = 64;
const CALLS_PER_RUN = 19;
const RUNS = 640;
const STEPS_PER_PEER_RUN = 20;
const PEER_SECONDS = 4;
/** Connections a worker commits by; pgbench with so few shows what a flush costs whoever cannot share it. */
const FEW_CLIENTS = 4;

type Engine = { stepsPerSecond: number; transactions: number; walKb: number };
type Rounds = { engine: Engine[]; beside: Map<string, number[]> };

/**
 * Durable steps per second at 64 runs, whole engine, beside pgbench, bare node and the peers on the same server in the
 * same rounds. All commit with fsync; a step counts when its commit has returned.
 */
export const steps: Bench = async (context) => {
  const pgbench = await findPgbench();
  if (!pgbench) context.talk('pgbench, the measure beside ours, is not installed: left out');
  const database = await context.server.createDatabase();
  try {
    const fast = await measureRounds(context, database, context.rounds(5), async (note) => {
      if (pgbench) note(...(await pgbenchSteps(pgbench, database, RUNS_AT_ONCE)));
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
    const slow = await measureRounds(context, database, context.rounds(5), async (note) => {
      if (!pgbench) return;
      note(...(await pgbenchSteps(pgbench, database, RUNS_AT_ONCE)));
      note(...(await pgbenchSteps(pgbench, database, FEW_CLIENTS)));
    });
    return [...figuresOf(fast), ...slowFigures(slow)];
  } finally {
    await database.drop();
  }
};

/** The name of a figure, and its value. */
async function pgbenchSteps(
  pgbench: string,
  database: BenchDatabase,
  clients: number,
): Promise<[string, number]> {
  const which = clients === RUNS_AT_ONCE ? '' : `${clients}_clients_`;
  return [`pgbench_${which}steps_per_second`, await measurePgbench(pgbench, database, clients)];
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
    figure('steps', 'steps_per_second', ours, '1/s'),
  ];
  const others = [...beside].map(([name, values]) =>
    figure('steps', name, values, unitOf(name), { role: roleOf(name) }),
  );
  return [...found, ...others];
}

function unitOf(name: string): string {
  if (name.endsWith('per_second')) {
    return '1/s';
  }
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
  database: BenchDatabase,
  count: number,
  measureOthers: (note: (name: string, value: number) => void) => Promise<void>,
): Promise<Rounds> {
  const engine: Engine[] = [];
  const beside = new Map<string, number[]>();
  for (let round = 1; round <= count; round += 1) {
    engine.push(await measureEngine(database));
    await measureOthers((name, value) => beside.set(name, [...(beside.get(name) ?? []), value]));
  }
  talk(`howdah ${spread(engine.map((round) => round.stepsPerSecond))}`);
  for (const [name, values] of beside) {
    talk(`${name} ${spread(values)}`);
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

async function measureEngine({ url, pool }: BenchDatabase): Promise<Engine> {
  const worker = await startEngine({ url, concurrency: RUNS_AT_ONCE });
  try {
    await pool.query(
      `do $do$ begin if not exists (select from howdah.agents where name = 'bench') then ${BENCH_AGENT}; end if; end $do$`,
    );
    await runAll(pool, RUNS_AT_ONCE); // warm: plans, connections, code
    const before = await counters(pool);
    const ids = await runAll(pool, RUNS);
    const after = await counters(pool);
    const { rows } = await pool.query(
      `select count(*)::int as steps, extract(epoch from max(finished_at) - min(started_at))::float8 as seconds
       from howdah.steps where execution_id = any ($1)`,
      [ids],
    );
    const { steps: done, seconds } = rows[0];
    return {
      stepsPerSecond: done / seconds,
      transactions: (after.commits - before.commits) / done,
      walKb: (after.wal - before.wal) / 1024 / done,
    };
  } finally {
    await worker.stop(0);
  }
}

async function runAll(pool: BenchDatabase['pool'], runs: number): Promise<string[]> {
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('bench'), $1 || ' ping' from generate_series(1, $2::int) returning id`,
    [CALLS_PER_RUN, runs],
  );
  const ids = rows.map((row) => row.id);
  for (;;) {
    const open = await pool.query(
      'select count(*)::int as runs from howdah.executions where id = any ($1) and completed_at is null',
      [ids],
    );
    if (open.rows[0].runs === 0) {
      return ids;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
