import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { faultOf, isConnectionLoss } from '../src/db/connection/sqlstate.ts';
import { embeddedBinaries } from '../src/db/embedded/binaries.ts';
import { startEmbedded } from '../src/db/embedded/embedded.ts';
import { runProgram } from '../src/db/embedded/program.ts';
import { serverAccount } from '../src/db/embedded/system-account.ts';
import { migrateUp } from '../src/db/schema/migrate.ts';
import { migrateQueue } from '../workers/queue/migrate-queue.ts';

/** An embedded Postgres server that can be restarted and damaged. */
export type ChaosServer = {
  /** The URL of the owner. Restarts do not change it. */
  url: string;
  /** Connections of the programme itself, which bypass all proxies. */
  pool: pg.Pool;
  /** The folder that contains the data directory. */
  home: string;
  /** Stops the server, waits, and starts it again. Concurrent calls wait for each other. */
  restart(mode: 'fast' | 'immediate', downMs: number): Promise<void>;
  /** Starts the server if it has stopped by itself. */
  startIfStopped(): Promise<void>;
  /**
   * Kills one backend of a worker, after which Postgres recovers as after a crash. `fraction`, from
   * 0 to below 1, selects the backend. Returns false if there was none.
   */
  killBackend(fraction: number): Promise<boolean>;
  stop(): Promise<void>;
};

/** Starts and migrates a server with fsync on. `stop` removes its folder. */
export async function startChaosServer(
  home: string = mkdtempSync(join(tmpdir(), 'howdah-chaos-')),
): Promise<ChaosServer> {
  chmodSync(home, 0o755); // the server may run as another user
  const { url } = await startEmbedded({ home });
  await migrateUp(url, migrateQueue);
  const pool = new pg.Pool({ connectionString: url, max: 12, application_name: 'chaos' });
  pool.on('error', () => {});
  let lastOperation: Promise<unknown> = Promise.resolve();
  const runExclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const operation = lastOperation.then(work);
    lastOperation = operation.catch(() => {});
    return operation;
  };
  return {
    url,
    pool,
    home,
    restart: (mode, downMs) =>
      runExclusively(async () => {
        await stopPostgres(home, mode);
        await sleep(downMs);
        await startEmbedded({ home, port: Number(new URL(url).port) });
      }),
    startIfStopped: () =>
      runExclusively(async () => {
        await startEmbedded({ home, port: Number(new URL(url).port) });
      }),
    killBackend: (fraction) => runExclusively(() => killBackend(pool, fraction)),
    async stop() {
      await lastOperation;
      await pool.end();
      await runPgCtl(home, ['-m', 'immediate', '-w', '-t', '60', 'stop']).catch(() => {});
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/**
 * Stops the server if it runs. After 20 seconds, prints the state of its processes and stops it
 * immediately.
 */
async function stopPostgres(home: string, mode: 'fast' | 'immediate'): Promise<void> {
  const file = join(home, 'postgres', 'postmaster.pid');
  try {
    await runPgCtl(home, ['-m', mode, '-w', '-t', '20', 'stop']);
  } catch {
    if (!existsSync(file)) return; // the server was not running
    const postmaster = readFileSync(file, 'utf8').split('\n')[0] ?? '';
    console.error(
      `the server did not stop within 20 seconds; its processes:\n${describeChildren(postmaster).join('\n')}`,
    );
    await runPgCtl(home, ['-m', 'immediate', '-w', '-t', '60', 'stop']).catch(() => {});
  }
}

/** Returns state, wait channel and title of each child process, from /proc of Linux. */
function describeChildren(parent: string): string[] {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ').trim();
    } catch {
      return '';
    }
  };
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .map((pid) => ({ pid, stat: read(pid, 'stat').split(') ').at(-1)?.split(' ') ?? [] }))
    .filter(({ stat }) => stat[1] === parent)
    .map(({ pid, stat }) => `${pid} ${stat[0]} ${read(pid, 'wchan')} ${read(pid, 'cmdline')}`);
}

async function runPgCtl(home: string, args: string[]): Promise<void> {
  const folder = join(home, 'postgres');
  const { ok, output } = await runProgram(
    embeddedBinaries().pg_ctl,
    ['-D', folder, ...args],
    serverAccount(folder),
  );
  if (!ok) {
    throw new Error(`pg_ctl ${args.join(' ')}: ${output}`);
  }
}

async function killBackend(pool: pg.Pool, fraction: number): Promise<boolean> {
  const { rows } = await pool.query<{ pid: number }>(
    `select pid from pg_stat_activity where application_name like 'howdah-%' order by pid`,
  );
  const victim = rows[Math.floor(fraction * rows.length)];
  if (!victim) {
    return false;
  }
  process.kill(victim.pid, 'SIGKILL');
  await retryWhileUnavailable(async () => {
    await pool.query('select 1');
  });
  return true;
}

const MOST_DOWNTIME_MS = 90_000;

/** Repeats idempotent work while the database is unavailable. */
export async function retryWhileUnavailable<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + MOST_DOWNTIME_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isTemporaryFailure(error) || Date.now() > deadline) {
        throw error;
      }
      await sleep(50);
    }
  }
}

/**
 * Returns whether the database was unavailable or had a conflict, rather than rejecting the
 * statement.
 */
export function isTemporaryFailure(error: unknown): boolean {
  return isConnectionLoss(error) || /^(40|55|57)/.test(faultOf(error).code);
}
