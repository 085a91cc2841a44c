import { spawn } from 'node:child_process';
import { HowdahError } from '../../contracts/errors.ts';
import type { SystemAccount } from './system-account.ts';

/** The variables that programs of PostgreSQL get. All others may contain keys of ours. */
const VARIABLES = [
  ...['PATH', 'LANG', 'TZ'],
  ...(process.platform === 'win32' ? ['SystemRoot', 'TEMP', 'TMP'] : []),
];

/**
 * The most private memory of one process of the server, in kilobytes. A query that needs more fails
 * with `out of memory`. Shared buffers do not count.
 */
const MAX_KILOBYTES = 512 * 1024;

/** The outcome of a program, and all its output. */
export type ProgramResult = { ok: boolean; output: string };

/**
 * Runs one of PostgreSQL's programs as `runProgram` does, with bounded memory. The bound holds for
 * the processes that the program starts, too. Linux counts what it bounds (RLIMIT_DATA); other
 * systems know no such bound, or do not count all memory.
 */
export function runBoundedProgram(
  file: string,
  args: readonly string[],
  account: SystemAccount | undefined,
): Promise<ProgramResult> {
  if (process.platform !== 'linux') return runProgram(file, args, account);
  // A lower bound of this process stays, and cannot be raised.
  const script = `ulimit -d ${MAX_KILOBYTES} 2>/dev/null; exec "$@"`;
  return runProgram('/bin/sh', ['-c', script, 'sh', file, ...args], account);
}

/**
 * Runs one of PostgreSQL's programs to its end. Throws `EPOSTGRES` only when the program cannot be
 * run at all.
 */
export function runProgram(
  file: string,
  args: readonly string[],
  account: SystemAccount | undefined,
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    // The account may not be allowed to enter the working directory of root. All paths are
    // absolute.
    const user = account && { uid: account.uid, gid: account.gid };
    const options = { cwd: '/', env: serverEnvironment(), ...user };
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk;
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (cause) => {
      const message = `${file} cannot be run: ${cause.message}.`;
      const hint = 'Install again, or set DATABASE_URL to use your own PostgreSQL.';
      reject(new HowdahError('EPOSTGRES', message, { hint, cause }));
    });
    child.on('close', (code) => resolve({ ok: code === 0, output }));
    // If the server keeps pg_ctl's pipes open (Windows), "close" would not come while the server
    // runs.
    child.on('exit', () => {
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, 500).unref();
    });
  });
}

function serverEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    VARIABLES.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
