import type pg from 'pg';
import { type Figure, figure, percentile } from '../../../bench/figures.ts';
import type { Seen } from './load.ts';

const PATIENCE_MS = 60_000;

/** What clients saw and what the database holds, once all runs have ended or nobody waits any more. */
export async function outcome(
  name: string,
  seen: Seen,
  pool: pg.Pool,
  talk: (line: string) => void,
): Promise<Figure[]> {
  for (
    const end = Date.now() + PATIENCE_MS;
    Date.now() < end && (await countLiveRuns(pool)) > 0;
  ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  for (const line of [...seen.failed, ...seen.wrongEvents].slice(0, 10)) talk(line);
  const { rows: runs } = await pool.query(
    `select count(*)::int as started, (count(*) filter (where status = 'completed' and step_count = 6))::int as completed
     from howdah.executions`,
  );
  const { started, completed } = runs[0];
  const { rows: odd } = await pool.query(
    `select id, status, waiting_for, step_count, error from howdah.executions where status <> 'completed' or step_count <> 6 limit 5`,
  );
  for (const row of odd) talk(JSON.stringify(row));
  const { rows: broken } = await pool.query('select * from howdah.check_all()');
  for (const row of broken.slice(0, 5)) talk(JSON.stringify(row));
  const took = seen.took.map(({ ms }) => ms);
  return [
    figure(name, 'requests', took.length, 'requests'),
    figure(name, 'failed_requests', seen.failed.length, 'requests', { atMost: 0 }),
    figure(name, 'request_p50_ms', percentile(took, 50), 'ms'),
    figure(name, 'request_p99_ms', percentile(took, 99), 'ms'),
    figure(name, 'request_max_ms', percentile(took, 100), 'ms'),
    figure(name, 'streams_taken_up_again', seen.resumed, 'streams'),
    figure(name, 'wrong_streams', seen.wrongEvents.length, 'streams', { atMost: 0 }),
    figure(name, 'runs', started, 'runs'),
    figure(name, 'lost_runs', started - completed, 'runs', { atMost: 0 }),
    figure(name, 'violations', broken.length, 'rows', { atMost: 0 }),
  ];
}

/** How long those waited that were under way while the migrations were. `began` is of performance.now(). */
export function whileMigrating(name: string, seen: Seen, began: number, ms: number): Figure[] {
  const met = seen.took.filter((one) => one.began < began + ms && one.began + one.ms > began);
  const took = met.map((one) => one.ms);
  return [
    figure(name, 'migrations_s', ms / 1_000, 's'),
    figure(name, 'requests_meanwhile', met.length, 'requests'),
    figure(name, 'request_meanwhile_p50_ms', percentile(took, 50), 'ms'),
    figure(name, 'request_meanwhile_p99_ms', percentile(took, 99), 'ms'),
    figure(name, 'request_meanwhile_max_ms', percentile(took, 100), 'ms'),
  ];
}

async function countLiveRuns(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    'select count(*)::int as runs from howdah.executions where completed_at is null',
  );
  return rows[0].runs;
}
