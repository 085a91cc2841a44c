import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Bound, type Figure, figure } from '../../bench/figures.ts';
import { BENCH_AGENT } from '../../bench/processes/engine.ts';
import type { BenchDatabase } from '../../bench/server.ts';
import { createPool } from '../../src/db/connection/pool.ts';
import {
  dropMonths,
  type MonthOutcome,
  type MonthStep,
} from '../../src/db/retention/drop-months.ts';
import { restoreArchive } from '../../src/db/retention/restore-archive.ts';
import { checkArchive } from '../../src/db/retention/write-archive.ts';
import { generateHistory } from '../../src/db/sample-history/generate.ts';
import { type Inserts, insertWhile } from './support/inserts.ts';
import { type RehearsalOptions, UsageError } from './support/rehearsal.ts';

export const title =
  'archives and drops months of history while runs come in, and checks that all figures stay';

export const usage = `  --runs N      runs of history, over four months (20000)
  --seconds N   duration of the inserts without retention, for comparison (5)`;

const STEPS: MonthStep[] = ['clear', 'freeze', 'count', 'archive', 'side_rows', 'detach', 'drop'];
/**
 * Longest insert of a new run while a month is dropped: the lock timeout, and some time for the
 * rest.
 */
const MAX_INSERT_MS = 250;

/** Drops all months of a generated history that the policies allow, under inserts. */
export async function* run({ argv, log, server }: RehearsalOptions): AsyncGenerator<Figure> {
  const { runs, seconds } = readOptions(argv);
  const database = await (await server()).createDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'howdah-archive-'));
  try {
    await createHistory(database, runs);
    const before = await readTotals(database);
    log(`${runs} runs, ${before.tokens} tokens, cost ${before.cost}`);
    await database.pool.query(BENCH_AGENT);
    const alone = await insertWhile(database.url, () => sleep(seconds * 1_000));
    yield* insertFigures('alone', alone);
    const beside = await insertWhile(database.url, (startPhase) =>
      dropMonths({ url: database.url, archiveFolder: folder, onStep: startPhase }),
    );
    yield* insertFigures('beside', beside, { atMost: MAX_INSERT_MS });
    yield* stepFigures(beside, log);
    yield* monthFigures(beside.result ?? [], log);
    yield* changeFigures(database, before, beside.result ?? []);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await database.drop();
  }
}

function readOptions(argv: readonly string[]): { runs: number; seconds: number } {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      runs: { type: 'string', default: '20000' },
      seconds: { type: 'string', default: '5' },
    },
  });
  const [runs, seconds] = [Number(values.runs), Number(values.seconds)];
  if (!(Number.isSafeInteger(runs) && runs >= 100))
    throw new UsageError('--runs takes a whole number from 100 on');
  if (!(seconds > 0)) throw new UsageError('--seconds takes a number above 0');
  return { runs, seconds };
}

/**
 * Generates four months of runs of two tenants. Their retention policies keep runs for 30 days, and
 * delete them by month.
 */
async function createHistory({ url, pool }: BenchDatabase, executions: number): Promise<void> {
  const now = new Date();
  const until = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 2, 1));
  const history = { executions, steps: 8, days: 120, tenants: 2, agents: 3, seed: 1, until };
  await generateHistory(url, { ...history, append: true }, () => {});
  await pool.query(
    `insert into howdah.retention_policies (tenant_id, keep_runs_days, is_by_month)
     select distinct tenant_id, 30, true from howdah.executions`,
  );
  await pool.query('analyze');
}

const TOTALS = ['runs', 'tokens', 'cost', 'answers', 'calls'] as const;
type Totals = Record<(typeof TOTALS)[number], number>;

/** Adds up the views, without the runs that the rehearsal inserts. */
async function readTotals({ pool }: BenchDatabase): Promise<Totals> {
  const { rows } = await pool.query(
    `select u.*, m.answers, t.calls
     from
       (select sum(runs)::float8 as runs, sum(tokens_in + tokens_out)::float8 as tokens,
          sum(cost)::float8 as cost
        from howdah.daily_usage
        where day < date_trunc('month', now() at time zone 'UTC') - interval '1 month') as u,
       (select sum(answers)::float8 as answers from howdah.model_usage) as m,
       (select sum(calls)::float8 as calls from howdah.tool_performance) as t`,
  );
  return rows[0];
}

function* insertFigures(
  when: string,
  { count, p50, p99, max }: Inserts<unknown>,
  bound: Bound = {},
): Generator<Figure> {
  yield figure('retention', `inserts_${when}`, count, 'runs');
  yield figure('retention', `insert_${when}_ms_p50`, p50, 'ms');
  yield figure('retention', `insert_${when}_ms_p99`, p99, 'ms');
  yield figure('retention', `insert_${when}_ms_max`, max, 'ms', bound);
}

/** Yields the longest insert beside each step, and logs the locks that inserts waited for. */
function* stepFigures({ longest, waits }: Inserts<unknown>, log: (line: string) => void) {
  for (const step of STEPS) {
    const ms = longest.get(step);
    if (ms !== undefined) yield figure('retention', `insert_beside_${step}_ms_max`, ms, 'ms');
  }
  if (waits.size === 0) log('no insert was observed waiting for a lock');
  for (const [wait, count] of [...waits].sort((one, other) => other[1] - one[1]))
    log(`observed ${count} times: an insert waits during ${wait}`);
}

/** Statements that keep locks, by the name of their figure. */
const LOCKING_STATEMENTS: Record<string, RegExp> = {
  freeze: /freeze_month/,
  count: /close_month/,
  detach: /detach/,
  drop: /drop/,
};

/** Yields the number of dropped months, and the slowest statement of each kind that keeps locks. */
function* monthFigures(
  outcomes: readonly MonthOutcome[],
  log: (line: string) => void,
): Generator<Figure> {
  for (const { month, dropped, runs, blockers } of outcomes)
    log(`${month}: ${dropped ? `${runs} runs dropped` : blockers.join('; ')}`);
  const dropped = outcomes.filter((one) => one.dropped).length;
  yield figure('retention', 'months_dropped', dropped, 'months', { atLeast: outcomes.length });
  for (const [kind, pattern] of Object.entries(LOCKING_STATEMENTS)) {
    const found = outcomes.flatMap((one) =>
      one.locks.filter((lock) => pattern.test(lock.statement)),
    );
    if (found.length === 0) continue;
    const attempts = Math.max(...found.map((lock) => lock.attempts));
    log(`${kind}: ${found.length} statements, at most ${attempts} attempts at one`);
    yield figure('retention', `${kind}_ms_max`, Math.max(...found.map(({ ms }) => ms)), 'ms');
  }
}

/** Yields the changes of totals, archives and promises, which must all be zero. */
async function* changeFigures(
  database: BenchDatabase,
  before: Totals,
  outcomes: readonly MonthOutcome[],
): AsyncGenerator<Figure> {
  const noChange = { atLeast: 0, atMost: 0 };
  const after = await readTotals(database);
  for (const name of TOTALS) {
    const change = after[name] - before[name];
    yield figure('retention', `${name}_changed_by`, change, name, noChange);
  }
  const difference = await restoreArchives(database, outcomes);
  yield figure('retention', 'runs_restored_changed_by', difference, 'runs', noChange);
  const { rows } = await database.pool.query('select count(*)::int from howdah.violations');
  yield figure('retention', 'violations', rows[0].count, 'rows', { atMost: 0 });
}

/** Restores every archive. Returns the number of runs by which the archives and months differ. */
async function restoreArchives(
  { url }: BenchDatabase,
  outcomes: readonly MonthOutcome[],
): Promise<number> {
  const pool = createPool({ url, applicationName: 'howdah-rehearsal', max: 1 });
  try {
    let difference = 0;
    for (const { archive, runs } of outcomes) {
      if (archive === null) continue;
      await checkArchive(archive);
      const { tables } = await restoreArchive(pool, archive);
      difference += Math.abs((runs ?? 0) - (tables.executions ?? 0));
    }
    return difference;
  } finally {
    await pool.end();
  }
}
