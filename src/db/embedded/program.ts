import { spawn } from 'node:child_process';
import { HowdahError } from '../../contracts/errors.ts';
import type { SystemAccount } from './system-account.ts';

/** The outcome of a program, and all its output. */
export type ProgramResult = { ok: boolean; output: string };

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
    const child = spawn(file, args, { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], ...user });
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
