import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { type Figure, figure } from '../../bench/figures.ts';
import type { WorkerProcess } from '../../test/workers/child.ts';
import { alone } from './support/alone.ts';
import { fullPostgres, startFullServer } from './support/full-servers.ts';
import { howdah } from './support/howdah.ts';
import { beginLoad, drain, finish, twoWorkers } from './support/live-runs.ts';

export const title =
  'a backup while workers run, restored into a second server, where everything comes to its end';

type Options = { words: readonly string[]; talk(line: string): void };
type Backup = { bytes: number; seconds: number; live_runs: Record<string, number> };
type Restored = { seconds: number; findings: { check: string; ok: boolean; found: string }[] };

/**
 * `--runs N`: so many live runs of each kind before the backup begins, and more while it lasts; `--history N`: so many finished
 * ones before; `--later S`: in so many seconds some are due. Its servers are of the PostgreSQL that pg_dump is found of.
 */
export async function* run({ words, talk }: Options): AsyncGenerator<Figure> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      runs: { type: 'string', default: '100' },
      later: { type: 'string', default: '20' },
      history: { type: 'string', default: '20000' },
    },
  });
  const pgBin = fullPostgres();
  if (pgBin === undefined) {
    throw new Error('there is no PostgreSQL with pg_dump here: name its folder by HOWDAH_PG_BIN');
  }
  const folder = mkdtempSync(join(tmpdir(), 'howdah-rehearsal-'));
  const [first, second] = await Promise.all([startFullServer(pgBin), startFullServer(pgBin)]);
  const pools = [first, second].map(({ url }) => new pg.Pool({ connectionString: url, max: 8 }));
  for (const pool of pools) pool.on('error', () => {});
  const workers: WorkerProcess[] = [];
  try {
    const [here, there] = pools as [pg.Pool, pg.Pool];
    await howdah(first.url, 'migrate', 'up');
    if (Number(values.history) > 0) {
      talk(`writing ${values.history} finished runs`);
      await howdah(first.url, 'generate', '--executions', values.history, '--days', '60');
    }
    workers.push(...(await twoWorkers(first.url)));
    const load = await beginLoad(here, Number(values.runs), Number(values.later) * 1000);
    const file = join(folder, 'rehearsal.dump');
    talk('backing up while workers run and runs come in');
    const backup = await howdah<Backup>(first.url, 'backup', file, '--pg-bin', pgBin);
    const came = await load.end();
    talk(`${came} runs came in; live in the backup: ${JSON.stringify(backup.live_runs)}`);
    yield figure('backup', 'backup_seconds', backup.seconds, 's');
    yield figure('backup', 'backup_mb', backup.bytes / 1e6, 'MB');
    for (const status of ['queued', 'running', 'waiting']) {
      const live = backup.live_runs[status] ?? 0;
      yield figure('backup', `live_in_backup_${status}`, live, 'runs', { atLeast: 1 });
    }
    talk('letting the first come to its end');
    yield* finish('backup', 'first', here);
    await Promise.all(workers.splice(0).map(drain));

    talk('restoring into a second server');
    const restored = await howdah<Restored>(second.url, 'restore', file, '--pg-bin', pgBin);
    yield figure('backup', 'restore_seconds', restored.seconds, 's');
    const bad = restored.findings.filter(({ ok }) => !ok);
    for (const { check, found } of bad) talk(`${check}: ${found}`);
    yield figure('backup', 'restore_findings', bad.length, 'found', { atMost: 0 });
    const startedAt = performance.now();
    workers.push(...(await twoWorkers(second.url)));
    yield* finish('backup', 'second', there);
    yield figure('backup', 'live_to_end_seconds', (performance.now() - startedAt) / 1000, 's');
    yield* compare(here, there);
  } finally {
    for (const worker of workers) worker.signal('SIGKILL');
    await Promise.all(pools.map((pool) => pool.end()));
    await Promise.all([first.stop(), second.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each run of the second came to the same end as in the first, with as many steps. */
async function* compare(here: pg.Pool, there: pg.Pool): AsyncGenerator<Figure> {
  const text = `select e.id, e.status::text || ' ' || e.step_count || ' ' || md5(coalesce(e.output, '')) || ' ' || (
      select string_agg(s.kind::text, ' ' order by s.seq) from howdah.steps as s where s.execution_id = e.id) as what
    from howdah.executions as e`;
  const known = new Map((await here.query(text)).rows.map(({ id, what }) => [id, what]));
  const { rows } = await there.query(text);
  const other = rows.filter(({ id, what }) => known.get(id) !== what);
  // a child that had not begun is another run in each: it is the work of both
  const strange = other.filter(({ id }) => known.has(id));
  yield figure('backup', 'same_in_both', rows.length - other.length, 'runs');
  yield figure('backup', 'other_end_in_second', strange.length, 'runs', { atMost: 0 });
}

if (import.meta.main) await alone(run);
