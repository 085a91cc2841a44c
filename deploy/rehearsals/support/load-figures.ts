import type pg from 'pg';
import { type Figure, figure, percentile } from '../../../bench/figures.ts';
import type { Observations } from './load.ts';

const RUNS_TIMEOUT_MS = 60_000;
/** Steps of each run of the load. */
const STEPS = 6;

/**
 * Returns the figures of a load: requests as clients observed them, and runs as the database holds
 * them. Waits up to a minute for live runs to end, and counts the others as lost.
 */
export async function loadFigures(
  name: string,
  observations: Observations,
  pool: pg.Pool,
  log: (line: string) => void,
): Promise<Figure[]> {
  await waitForRuns(pool);
  const { requests, failures, resumedStreams, wrongStreams } = observations;
  for (const line of [...failures, ...wrongStreams].slice(0, 10)) log(line);
  const { started, completed } = await countRuns(pool, log);
  const { rows: violations } = await pool.query('select * from howdah.check_all()');
  for (const row of violations.slice(0, 5)) log(JSON.stringify(row));
  const times = requests.map(({ ms }) => ms);
  return [
    figure(name, 'requests', times.length, 'requests'),
    figure(name, 'failed_requests', failures.length, 'requests', { atMost: 0 }),
    figure(name, 'request_p50_ms', percentile(times, 50), 'ms'),
    figure(name, 'request_p99_ms', percentile(times, 99), 'ms'),
    figure(name, 'request_max_ms', percentile(times, 100), 'ms'),
    figure(name, 'streams_taken_up_again', resumedStreams, 'streams'),
    figure(name, 'wrong_streams', wrongStreams.length, 'streams', { atMost: 0 }),
    figure(name, 'runs', started, 'runs'),
    figure(name, 'lost_runs', started - completed, 'runs', { atMost: 0 }),
    figure(name, 'violations', violations.length, 'rows', { atMost: 0 }),
  ];
}

/**
 * Returns the figures of the requests that were under way during migrations. `startedAt` is a time
 * of performance.now().
 */
export function migrationFigures(
  name: string,
  { requests }: Observations,
  startedAt: number,
  ms: number,
): Figure[] {
  const concurrent = requests.filter(
    (one) => one.startedAt < startedAt + ms && one.startedAt + one.ms > startedAt,
  );
  const times = concurrent.map((one) => one.ms);
  return [
    figure(name, 'migrations_s', ms / 1_000, 's'),
    figure(name, 'requests_meanwhile', times.length, 'requests'),
    figure(name, 'request_meanwhile_p50_ms', percentile(times, 50), 'ms'),
    figure(name, 'request_meanwhile_p99_ms', percentile(times, 99), 'ms'),
    figure(name, 'request_meanwhile_max_ms', percentile(times, 100), 'ms'),
  ];
}

/** Waits until no run is live, at most until the timeout. */
async function waitForRuns(pool: pg.Pool): Promise<void> {
  const deadline = Date.now() + RUNS_TIMEOUT_MS;
  while (Date.now() < deadline && (await countLiveRuns(pool)) > 0) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function countLiveRuns(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    'select count(*)::int as runs from howdah.executions where completed_at is null',
  );
  return rows[0].runs;
}

/** Counts the runs, and logs some of those that did not complete with all their steps. */
async function countRuns(
  pool: pg.Pool,
  log: (line: string) => void,
): Promise<{ started: number; completed: number }> {
  const { rows } = await pool.query(
    `select count(*)::int as started,
       (count(*) filter (where status = 'completed' and step_count = $1))::int as completed
     from howdah.executions`,
    [STEPS],
  );
  const { rows: incomplete } = await pool.query(
    `select id, status, waiting_for, step_count, error from howdah.executions
     where status <> 'completed' or step_count <> $1 limit 5`,
    [STEPS],
  );
  for (const row of incomplete) log(JSON.stringify(row));
  return rows[0];
}
