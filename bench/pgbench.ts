import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { findPrograms, program } from '../src/db/backup/programs.ts';
import type { BenchDatabase } from './server.ts';

const SECONDS = 4;
/** Script files, each with a body of its own, so that no client sends the same bytes as all others. */
const BODIES = 16;

/** The program: what PGBENCH names, else the newest there is; undefined where there is none. */
export async function findPgbench(): Promise<string | undefined> {
  if (process.env.PGBENCH) return process.env.PGBENCH;
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const need = { programs: ['pgbench'], atLeast: 1_000, of: 'any server', orOlder: true } as const;
  const found = await findPrograms({ pgBin: undefined, path }, need).catch(() => undefined);
  return found && program(found, 'pgbench');
}

/**
 * Steps per second by pgbench: one function call per transaction that inserts 500 random bytes and updates a row, by
 * prepared statements.
 */
export async function measurePgbench(
  pgbench: string,
  { url, pool }: BenchDatabase,
  clients: number,
): Promise<number> {
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
    const scripts = Array.from({ length: BODIES }, (_, index) => {
      const script = join(folder, `step${index}.sql`);
      const body = randomBytes(375).toString('base64');
      writeFileSync(script, `select pgbench.step(:client_id + 1, '${body}');\n`);
      return ['-f', script];
    });
    const settings = ['-n', '-M', 'prepared', '-j', '2'];
    const { stdout } = await promisify(execFile)(pgbench, [
      ...settings,
      ...['-c', String(clients), '-T', String(SECONDS)],
      ...scripts.flat(),
      url,
    ]);
    return Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
