import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { type Figure, figure } from '../../bench/figures.ts';
import type { WorkerProcess } from '../../test/workers/worker-process.ts';
import { findFullPostgres, startFullServer } from './support/full-servers.ts';
import { completeRuns, drainWorker, startLiveRuns, startTwoWorkers } from './support/live-runs.ts';
import type { RehearsalOptions } from './support/rehearsal.ts';
import { runHowdah } from './support/run-howdah.ts';
import { runStandalone } from './support/run-standalone.ts';

export const title =
  'backs up a database while workers run, restores it into another server, and completes all runs';

export const usage = `  --runs N      live runs of each state before the backup; more come in during it (100)
  --later S     seconds until scheduled runs are due (20)
  --history N   finished runs before the backup (20000)
It needs a PostgreSQL with pg_dump, in the folder HOWDAH_PG_BIN or installed on this machine.`;

type Options = Pick<RehearsalOptions, 'argv' | 'log'>;
type Backup = { bytes: number; seconds: number; live_runs: Record<string, number> };
type Restored = { seconds: number; findings: { check: string; ok: boolean; found: string }[] };

/** A server, with a pool for its database. */
type Side = { url: string; pool: pg.Pool; pgBin: string; workers: WorkerProcess[] };

/** Backs up the first server and restores the file into the second one. */
export async function* run({ argv, log }: Options): AsyncGenerator<Figure> {
  const { runs, later, history } = readOptions(argv);
  const pgBin = findFullPostgres();
  if (pgBin === undefined) {
    throw new Error('no PostgreSQL with pg_dump found: set HOWDAH_PG_BIN to its folder');
  }
  const folder = mkdtempSync(join(tmpdir(), 'howdah-rehearsal-'));
  const servers = await Promise.all([startFullServer(pgBin), startFullServer(pgBin)]);
  const sides = servers.map(({ url }): Side => {
    const pool = new pg.Pool({ connectionString: url, max: 8 });
    pool.on('error', () => {});
    return { url, pool, pgBin, workers: [] };
  });
  try {
    const [first, second] = sides as [Side, Side];
    const file = join(folder, 'rehearsal.dump');
    await runHowdah(first.url, 'migrate', 'up');
    if (history > 0) {
      log(`generating ${history} finished runs`);
      await runHowdah(first.url, 'generate', '--executions', String(history), '--days', '60');
    }
    yield* backUp(first, file, { runs, laterMs: later * 1_000, log });
    yield* restore(second, file, log);
    yield* compareRuns(first.pool, second.pool);
  } finally {
    for (const worker of sides.flatMap(({ workers }) => workers)) worker.signal('SIGKILL');
    await Promise.all(sides.map(({ pool }) => pool.end()));
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

function readOptions(argv: readonly string[]) {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      runs: { type: 'string', default: '100' },
      later: { type: 'string', default: '20' },
      history: { type: 'string', default: '20000' },
    },
  });
  const { runs, later, history } = values;
  return { runs: Number(runs), later: Number(later), history: Number(history) };
}

/** Backs up a server with live runs, and then completes these runs. */
async function* backUp(
  { url, pool, pgBin, workers }: Side,
  file: string,
  { runs, laterMs, log }: { runs: number; laterMs: number; log(line: string): void },
): AsyncGenerator<Figure> {
  workers.push(...(await startTwoWorkers(url)));
  const liveRuns = await startLiveRuns(pool, runs, laterMs);
  log('backing up while workers run and runs come in');
  const backup = await runHowdah<Backup>(url, 'backup', file, '--pg-bin', pgBin);
  const inserted = await liveRuns.stop();
  log(`${inserted} runs came in; live in the backup: ${JSON.stringify(backup.live_runs)}`);
  yield figure('backup', 'backup_seconds', backup.seconds, 's');
  yield figure('backup', 'backup_mb', backup.bytes / 1e6, 'MB');
  for (const status of ['queued', 'running', 'waiting']) {
    const live = backup.live_runs[status] ?? 0;
    yield figure('backup', `live_in_backup_${status}`, live, 'runs', { atLeast: 1 });
  }
  log('completing the runs of the first server');
  yield* completeRuns('backup', 'first', pool);
  await Promise.all(workers.splice(0).map(drainWorker));
}

/** Restores a backup into an empty server, and completes its live runs. */
async function* restore(
  { url, pool, pgBin, workers }: Side,
  file: string,
  log: (line: string) => void,
): AsyncGenerator<Figure> {
  log('restoring into a second server');
  const restored = await runHowdah<Restored>(url, 'restore', file, '--pg-bin', pgBin);
  yield figure('backup', 'restore_seconds', restored.seconds, 's');
  const failed = restored.findings.filter(({ ok }) => !ok);
  for (const { check, found } of failed) log(`${check}: ${found}`);
  yield figure('backup', 'restore_findings', failed.length, 'found', { atMost: 0 });
  const startedAt = performance.now();
  workers.push(...(await startTwoWorkers(url)));
  yield* completeRuns('backup', 'second', pool);
  yield figure('backup', 'live_to_end_seconds', (performance.now() - startedAt) / 1_000, 's');
}

/** Checks that each run ended in the same way on both servers, by the same kinds of steps. */
async function* compareRuns(first: pg.Pool, second: pg.Pool): AsyncGenerator<Figure> {
  const text = `
    select e.id,
      e.status::text || ' ' || e.step_count || ' ' || md5(coalesce(e.output, '')) || ' ' || (
        select string_agg(s.kind::text, ' ' order by s.seq)
        from howdah.steps as s where s.execution_id = e.id) as outcome
    from howdah.executions as e`;
  const expected = new Map((await first.query(text)).rows.map(({ id, outcome }) => [id, outcome]));
  const { rows } = await second.query(text);
  const unequal = rows.filter(({ id, outcome }) => expected.get(id) !== outcome);
  // a child that had not started before the backup is another row on each server
  const different = unequal.filter(({ id }) => expected.has(id));
  yield figure('backup', 'same_in_both', rows.length - unequal.length, 'runs');
  yield figure('backup', 'other_end_in_second', different.length, 'runs', { atMost: 0 });
}

if (import.meta.main) await runStandalone(run);
