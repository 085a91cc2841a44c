import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { belongsToAnother } from './system-account.ts';

/**
 * The state that `postmaster.pid` describes, checked against the running processes.
 *
 * - `absent`: no file, or one still being written
 * - `stale`: its process is gone, a zombie, or another program that got the same pid
 * - `busy`: our server, starting (perhaps recovering) or stopping
 * - `ready`: our server, taking connections
 */
export type Postmaster =
  | { state: 'absent' }
  | { state: 'stale'; file: string }
  | { state: 'busy'; pid: number }
  | { state: 'ready'; pid: number; port: number };

/**
 * Returns the state of the server of a data folder, without waiting. Throws `EHOME` when we may not
 * read the folder.
 */
export function findPostmaster(dataDir: string): Postmaster {
  const file = readPidFile(dataDir);
  const lines = file?.split('\n') ?? [];
  const pid = Number(lines[0]);
  if (file === undefined || !Number.isInteger(pid) || pid < 1) return { state: 'absent' };
  if (!isAlive(pid) || !isPostmasterOf(pid, dataDir)) return { state: 'stale', file };
  const port = Number(lines[3]);
  return lines[7]?.trim() === 'ready' ? { state: 'ready', pid, port } : { state: 'busy', pid };
}

/**
 * Removes a stale pid file, because PostgreSQL itself would refuse to start while any process of
 * the same user has that pid. The file is moved first and read again, so that a file that another
 * process has written meanwhile is put back at once. If children of a killed postmaster still run,
 * the start fails because of their shared memory segment.
 */
export function clearStale(dataDir: string, file: string): void {
  const aside = join(dataDir, `postmaster.pid.${process.pid}`);
  try {
    renameSync(join(dataDir, 'postmaster.pid'), aside);
  } catch (error) {
    // Another process has cleared it.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(aside, 'utf8') === file) rmSync(aside);
  else renameSync(aside, join(dataDir, 'postmaster.pid'));
}

/** Returns the port of the last start, so that URLs stay valid after a restart. */
export function lastPort(dataDir: string): number | undefined {
  try {
    const options = readFileSync(join(dataDir, 'postmaster.opts'), 'utf8');
    return Number(/"-p" "(\d+)"/.exec(options)?.[1]) || undefined;
  } catch {
    return undefined;
  }
}

function readPidFile(dataDir: string): string | undefined {
  try {
    return readFileSync(join(dataDir, 'postmaster.pid'), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') {
      throw belongsToAnother(dataDir, error);
    }
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process exists and belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return process.platform !== 'linux' || processState(pid) !== 'Z';
}

/** Returns the state of a process. `Z` is a zombie: killed, and not yet collected by its parent. */
function processState(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(') ') + 2)[0];
  } catch {
    return 'Z';
  }
}

function isPostmasterOf(pid: number, dataDir: string): boolean {
  if (process.platform === 'win32') return true;
  const command = process.platform === 'linux' ? procCommand(pid) : psCommand(pid);
  if (!basename(command[0] ?? '').startsWith('postgres')) return false;
  const real = realpathSync(dataDir);
  const named = command[command.indexOf('-D') + 1] ?? '';
  // The working directory is also right when the folder was moved under a running server, but may
  // be unreadable.
  return realPath(named) === real || workingFolder(pid) === real;
}

function procCommand(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/**
 * Returns the command on macOS and BSD. The output of ps is one string, so the folder is taken up
 * to the next option.
 */
function psCommand(pid: number): string[] {
  try {
    const line = execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
    const [, program = '', folder = ''] =
      /^(.*?) -D (.*?)(?: -[a-z] .*)?$/s.exec(line.trim()) ?? [];
    return [program, '-D', folder];
  } catch {
    return [];
  }
}

function workingFolder(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
