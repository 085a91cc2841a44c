import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { HowdahError } from '../../contracts/errors.ts';

/** A running program of PostgreSQL. */
export type RunningProgram = {
  child: ChildProcess;
  /**
   * Resolves when the program has succeeded. Rejects with `EPOSTGRES` and its last output, or with
   * `EINTERRUPTED` when the signal ended the program.
   */
  ended: Promise<void>;
};

const MAX_CHARACTERS = 16_384;

/** Starts a program. The end of its stderr is kept for the error. */
export function startProgram(
  file: string,
  args: readonly string[],
  stdio: { stdin: 'ignore' | 'pipe'; stdout: 'ignore' | 'pipe' },
  signal: AbortSignal,
): RunningProgram {
  const child = spawn(file, args, { stdio: [stdio.stdin, stdio.stdout, 'pipe'] });
  let words = '';
  (child.stderr as Readable).setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-MAX_CHARACTERS);
  });
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', (cause) => {
      reject(new HowdahError('EPOSTGRES', `${file} cannot be run: ${cause.message}`, { cause }));
    });
    child.on('close', (code, killedBy) => {
      if (code === 0) return resolve();
      const wasStopped = code === null && signal.aborted;
      reject(
        wasStopped
          ? interruptionError()
          : programError(file, words.trim(), killedBy ?? `exit code ${code}`),
      );
    });
  }).finally(() => signal.removeEventListener('abort', stop));
  // Callers that await `ended` see the error. Until then, its rejection must not count as
  // unhandled.
  ended.catch(() => {});
  return { child, ended };
}

/** Returns the error of an interrupted program. */
export function interruptionError(): HowdahError {
  return new HowdahError('EINTERRUPTED', 'interrupted; nothing was left behind');
}

function programError(file: string, words: string, end: string): HowdahError {
  const name = /[^/\\]+$/.exec(file)?.[0] ?? file;
  const lines = words.split('\n');
  const first = lines.find((line) => /\b(error|fatal|panic): /i.test(line)) ?? lines.at(-1);
  const message = `${name} failed: ${first?.replace(/^.*?\b(error|fatal|panic): +/i, '') || end}`;
  return new HowdahError('EPOSTGRES', message, {
    hint: hintFor(words),
    detail: words,
  });
}

function hintFor(words: string): string {
  if (/out of shared memory|max_locks_per_transaction/.test(words)) {
    return 'Raise max_locks_per_transaction of the server (256 is plenty for years of months), restart it and try again.';
  }
  if (/No space left/i.test(words)) return 'Free space on that disk and try again.';
  if (/lock timeout|lock-wait-timeout|canceling statement due to lock/.test(words)) {
    return 'Another session holds an exclusive lock on a table, such as a migration. Try again when it has finished.';
  }
  return 'See its messages above.';
}

/**
 * Calls `work` with the URL for a program's command line, which everybody on the machine may read.
 * The password therefore goes into a private file.
 */
export async function withPasswordFile<T>(
  url: string,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const parts = new URL(url);
  if (parts.password === '') return work(url);
  const folder = await mkdtemp(join(tmpdir(), 'howdah-'));
  try {
    const file = join(folder, 'pgpass');
    const password = decodeURIComponent(parts.password).replace(/[\\:]/g, '\\$&');
    await writeFile(file, `*:*:*:*:${password}\n`, { mode: 0o600 });
    parts.password = '';
    parts.searchParams.set('passfile', file);
    return await work(parts.toString());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
