import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BENCH_AGENT } from '../../bench/processes/engine.ts';
import { type Figure, figure } from '../../bench/figures.ts';
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
  'months of history are archived and dropped while runs come in, and no figure changes';

const STEPS: MonthStep[] = ['clear', 'freeze', 'count', 'archive', 'beside', 'detach', 'drop'];
/** What a new run may wait for a month that goes: its lock timeout, and as much again for everything else. */
const MOST_MS = 250;

/** Options: --runs N (20000) of history over four months, --seconds N (5) of inserts alone, for comparison. */
export async function* run({ words, talk, server }: RehearsalOptions): AsyncGenerator<Figure> {
  const { runs, seconds } = numbersIn(words);
  const database = await (await server()).createDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'howdah-archive-'));
  try {
    await fill(database, runs);
    const before = await sums(database);
    talk(`${runs} runs, ${before.tokens} tokens, cost ${before.cost}`);
    await database.pool.query(BENCH_AGENT);
    const alone = await insertWhile(database.url, () => sleep(seconds * 1_000));
    yield* latencies('alone', alone);
    const beside = await insertWhile(database.url, (begin) =>
      dropMonths({ url: database.url, archiveFolder: folder, onStep: begin }),
    );
    yield* latencies('beside', beside, MOST_MS);
    yield* steps(beside, talk);
    const outcomes = beside.result ?? [];
    for (const { month, dropped, runs: count, blockers } of outcomes)
      talk(`${month}: ${dropped ? `${count} runs dropped` : blockers.join('; ')}`);
    yield figure(
      'retention',
      'months_dropped',
      outcomes.filter((one) => one.dropped).length,
      'months',
      {
        atLeast: outcomes.length,
      },
    );
    yield* locks(outcomes, talk);
    const after = await sums(database);
    for (const name of ['runs', 'tokens', 'cost', 'answers', 'calls'] as const) {
      const change = after[name] - before[name];
      yield figure('retention', `${name}_changed_by`, change, name, { atLeast: 0, atMost: 0 });
    }
    yield figure(
      'retention',
      'runs_restored_changed_by',
      await missing(database, outcomes),
      'runs',
      {
        atLeast: 0,
        atMost: 0,
      },
    );
    const { rows } = await database.pool.query(
      'select count(*)::int as broken from howdah.violations',
    );
    yield figure('retention', 'violations', rows[0].broken, 'rows', { atMost: 0 });
  } finally {
    await rm(folder, { recursive: true, force: true });
    await database.drop();
  }
}

function numbersIn(words: readonly string[]): { runs: number; seconds: number } {
  const { values } = parseArgs({
    args: [...words],
    options: {
      runs: { type: 'string', default: '20000' },
      seconds: { type: 'string', default: '5' },
    },
  });
  const [runs, seconds] = [Number(values.runs), Number(values.seconds)];
  if (!(Number.isSafeInteger(runs) && runs >= 100 && seconds > 0))
    throw new UsageError('--runs is a whole number from 100 on, --seconds a number above 0');
  return { runs, seconds };
}

/** Four months of two tenants that keep a month, and go by month. */
async function fill({ url, pool }: BenchDatabase, executions: number): Promise<void> {
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

/** What the views say of all that was before the inserts of the rehearsal. */
async function sums({ pool }: BenchDatabase) {
  const { rows } = await pool.query(
    `select u.*, m.answers, t.calls
     from (select sum(runs)::float8 as runs, sum(tokens_in + tokens_out)::float8 as tokens, sum(cost)::float8 as cost
       from howdah.daily_usage where day < date_trunc('month', now() at time zone 'UTC') - interval '1 month') as u,
       (select sum(answers)::float8 as answers from howdah.model_usage) as m,
       (select sum(calls)::float8 as calls from howdah.tool_performance) as t`,
  );
  return rows[0] as Record<'runs' | 'tokens' | 'cost' | 'answers' | 'calls', number>;
}

function* latencies(
  when: string,
  { count, p50, p99, max }: Inserts<unknown>,
  atMost?: number,
): Generator<Figure> {
  yield figure('retention', `inserts_${when}`, count, 'runs');
  yield figure('retention', `insert_${when}_ms_p50`, p50, 'ms');
  yield figure('retention', `insert_${when}_ms_p99`, p99, 'ms');
  yield figure(
    'retention',
    `insert_${when}_ms_max`,
    max,
    'ms',
    atMost === undefined ? {} : { atMost },
  );
}

/** The longest insert beside each step, and what inserts were seen waiting for. */
function* steps({ longest, waits }: Inserts<unknown>, talk: (line: string) => void) {
  for (const step of STEPS) {
    const ms = longest.get(step);
    if (ms !== undefined) yield figure('retention', `insert_beside_${step}_ms_max`, ms, 'ms');
  }
  if (waits.size === 0) talk('no insert was seen waiting for a lock');
  for (const [line, times] of [...waits].sort((one, other) => other[1] - one[1]))
    talk(`seen waiting ${times} times, beside ${line}`);
}

/** How long each kind of statement took in which locks are held: the slowest month. */
function* locks(outcomes: MonthOutcome[], talk: (line: string) => void): Generator<Figure> {
  const kinds: Record<string, RegExp> = {
    freeze: /freeze_month/,
    count: /close_month/,
    detach: /detach/,
    drop: /drop/,
  };
  for (const [kind, pattern] of Object.entries(kinds)) {
    const found = outcomes.flatMap((one) =>
      one.locks.filter((lock) => pattern.test(lock.statement)),
    );
    if (found.length === 0) continue;
    const tried = Math.max(...found.map(({ attempts }) => attempts));
    talk(`${kind}: ${found.length} statements, the most tries of one ${tried}`);
    yield figure('retention', `${kind}_ms_max`, Math.max(...found.map(({ ms }) => ms)), 'ms');
  }
}

/** Restores every archive, and counts what differs from what was dropped. */
async function missing({ url }: BenchDatabase, outcomes: MonthOutcome[]): Promise<number> {
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
