import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { faultOf, isConnectionLoss } from '../src/db/connection/sqlstate.ts';
import { serverAccount } from '../src/db/embedded/account.ts';
import { embeddedBinaries } from '../src/db/embedded/binaries.ts';
import { startEmbedded } from '../src/db/embedded/embedded.ts';
import { runProgram } from '../src/db/embedded/program.ts';
import { migrateUp } from '../src/db/schema/migrate.ts';
import { migrateQueue } from '../workers/queue/migrate-queue.ts';

export type ChaosServer = {
  /** The owner's URL, the same over restarts. */
  url: string;
  /** Connections of the programme itself, not through any proxy. */
  pool: pg.Pool;
  /** Where it lies. */
  home: string;
  /** Stops it, waits, and starts it again; one at a time. */
  restart(mode: 'fast' | 'immediate', downMs: number): Promise<void>;
  /** Starts it if it has ended by itself. */
  revive(): Promise<void>;
  /** Kills one of its processes; all of it recovers then, as after a crash. False when there was none to kill. */
  killBackend(dice: number): Promise<boolean>;
  stop(): Promise<void>;
};

/** A server of its own with fsync on, migrated; its folder is gone afterwards. */
export async function startChaosServer(
  home: string = mkdtempSync(join(tmpdir(), 'howdah-chaos-')),
): Promise<ChaosServer> {
  chmodSync(home, 0o755); // the server may run as another user
  const { url } = await startEmbedded({ home });
  await migrateUp(url, migrateQueue);
  const pool = new pg.Pool({ connectionString: url, max: 12, application_name: 'chaos' });
  pool.on('error', () => {});
  let busy: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = busy.then(work);
    busy = mine.catch(() => {});
    return mine;
  };
  return {
    url,
    pool,
    home,
    restart: (mode, downMs) =>
      inTurn(async () => {
        await end(home, mode);
        await sleep(downMs);
        await startEmbedded({ home, port: Number(new URL(url).port) });
      }),
    revive: () =>
      inTurn(async () => {
        await startEmbedded({ home, port: Number(new URL(url).port) });
      }),
    killBackend: (dice) => inTurn(() => killBackend(pool, dice)),
    async stop() {
      await busy;
      await pool.end();
      await control(home, ['-m', 'immediate', '-w', '-t', '60', 'stop']).catch(() => {});
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Stops the server if it runs. If it does not stop within 20 s, prints what its processes do. */
async function end(home: string, mode: 'fast' | 'immediate'): Promise<void> {
  const file = join(home, 'postgres', 'postmaster.pid');
  try {
    await control(home, ['-m', mode, '-w', '-t', '20', 'stop']);
  } catch {
    if (!existsSync(file)) return; // it was down
    const postmaster = readFileSync(file, 'utf8').split('\n')[0] ?? '';
    console.error(
      `the server has not ended within 20 seconds:\n${childrenOf(postmaster).join('\n')}`,
    );
    await control(home, ['-m', 'immediate', '-w', '-t', '60', 'stop']).catch(() => {});
  }
}

/** State, what it sleeps in, and title of each child, as Linux tells them. */
function childrenOf(parent: string): string[] {
  const read = (pid: string, what: string) => {
    try {
      return readFileSync(`/proc/${pid}/${what}`, 'utf8').replaceAll('\0', ' ').trim();
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

async function control(home: string, words: string[]): Promise<void> {
  const folder = join(home, 'postgres');
  const { ok, output } = await runProgram(
    embeddedBinaries().pg_ctl,
    ['-D', folder, ...words],
    serverAccount(folder),
  );
  if (!ok) {
    throw new Error(`pg_ctl ${words.join(' ')}: ${output}`);
  }
}

async function killBackend(pool: pg.Pool, dice: number): Promise<boolean> {
  const { rows } = await pool.query<{ pid: number }>(
    `select pid from pg_stat_activity where application_name like 'howdah-%' order by pid`,
  );
  const victim = rows[Math.floor(dice * rows.length)];
  if (!victim) {
    return false;
  }
  process.kill(victim.pid, 'SIGKILL');
  await retryWhileUnavailable(async () => {
    await pool.query('select 1');
  });
  return true;
}

const PATIENCE_MS = 90_000;

/** Repeats work while the database is away; what it does must be right to do twice. */
export async function retryWhileUnavailable<T>(work: () => Promise<T>): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isTemporaryFailure(error) || Date.now() > end) {
        throw error;
      }
      await sleep(50);
    }
  }
}

/** The database is away, or somebody else was faster: nothing that says no. */
export function isTemporaryFailure(error: unknown): boolean {
  return isConnectionLoss(error) || /^(40|55|57)/.test(faultOf(error).code);
}
