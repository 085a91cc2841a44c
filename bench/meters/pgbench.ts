import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type pg from 'pg';
import { findPrograms, program } from '../../src/db/backup/find-pg-programs.ts';
import type { BenchDatabase } from '../server.ts';
import { readCounters } from './counters.ts';
import type { ServerMeter } from './server-meter.ts';

const SECONDS = 4;
/**
 * The number of script files. Their contents differ, so that not all clients send the same bytes.
 */
const BODIES = 16;

/** Returns the program that PGBENCH names, else the newest installed one, or undefined. */
export async function findPgbench(): Promise<string | undefined> {
  if (process.env.PGBENCH) return process.env.PGBENCH;
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const need = { programs: ['pgbench'], atLeast: 1_000, of: 'any server', orOlder: true } as const;
  const found = await findPrograms({ pgBin: undefined, path }, need).catch(() => undefined);
  return found && program(found, 'pgbench');
}

export type PgbenchRun = {
  stepsPerSecond: number;
  /** CPU of the server per step, in microseconds, without the CPU of connecting. */
  serverCpuUs: number;
  walKb: number;
};

/**
 * Measures steps that pgbench commits. A transaction is one function call, by a prepared statement,
 * that inserts 500 random bytes and updates a row.
 */
export async function measurePgbench(
  pgbench: string,
  { url, pool }: BenchDatabase,
  meter: ServerMeter,
  clients: number,
): Promise<PgbenchRun> {
  await pool.query(`
    drop schema if exists pgbench cascade;
    create schema pgbench;
    create table pgbench.runs (id int primary key, steps int not null default 0) with (fillfactor = 50);
    insert into pgbench.runs select generate_series(1, ${clients});
    create table pgbench.log (run int, seq int, body text, at timestamptz default now());
    create function pgbench.step(run int, body text) returns void language sql as
      'update pgbench.runs set steps = steps + 1 where id = run; insert into pgbench.log (run, body) values (run, body)'`);
  const folder = mkdtempSync(join(tmpdir(), 'howdah-pgbench-'));
  try {
    const settings = ['-n', '-M', 'prepared', '-j', '2', '-c', String(clients)];
    const scripts = writeScripts(folder).flatMap((script) => ['-f', script]);
    const run = async (...length: string[]): Promise<PgbenchCounts> => {
      const before = { us: meter.cpuUs(), wal: (await readCounters(meter.client)).wal };
      const args = [...settings, ...length, ...scripts, url];
      const { stdout } = await promisify(execFile)(pgbench, args);
      await waitForDisconnect(meter.client);
      const { wal } = await readCounters(meter.client);
      return {
        steps: Number(/actually processed: (\d+)/.exec(stdout)?.[1]),
        perSecond: Number(/tps = ([\d.]+)/.exec(stdout)?.[1]),
        us: meter.cpuUs() - before.us,
        wal: wal - before.wal,
      };
    };
    // One step of each client: nearly all CPU of this run is that of connecting.
    const connecting = await run('-t', '1');
    const whole = await run('-T', String(SECONDS));
    // On a very busy machine no client connects in time. Without steps the figures are NaN.
    const steps = whole.steps || Number.NaN;
    return {
      stepsPerSecond: whole.perSecond,
      serverCpuUs: (whole.us - connecting.us) / (steps - connecting.steps),
      walKb: whole.wal / 1024 / steps,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type PgbenchCounts = { steps: number; perSecond: number; us: number; wal: number };

function writeScripts(folder: string): string[] {
  return Array.from({ length: BODIES }, (_, index) => {
    const script = join(folder, `step${index}.sql`);
    const body = randomBytes(375).toString('base64');
    writeFileSync(script, `select pgbench.step(:client_id + 1, '${body}');\n`);
    return script;
  });
}

/** Waits until all backends have ended, because they use CPU after the program has ended. */
async function waitForDisconnect(client: pg.Client): Promise<void> {
  for (;;) {
    const { rowCount } = await client.query(
      `select from pg_stat_activity where application_name = 'pgbench' and datname = current_database()`,
    );
    if (rowCount === 0) return;
    await sleep(20);
  }
}
