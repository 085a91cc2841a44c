import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { WorkerScope } from '../../src/db/worker/worker-scope.ts';

export type WorkerProcess = {
  readonly pid: number;
  signal(name: NodeJS.Signals): void;
  /** Resolves with the exit code or the signal of the process. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly isAlive: boolean;
};

const ENTRY = fileURLToPath(new URL('../support/worker-process.ts', import.meta.url));
const children = new Set<ChildProcess>();

type ProcessOptions = {
  openai?: string;
  graceMs?: number;
  egressAllow?: string;
  scope?: WorkerScope;
  concurrency?: number;
  wakeUpSlots?: number;
};

/** Starts a worker in a separate process. Resolves when the worker takes runs. */
export async function startWorkerProcess(
  url: string,
  options: ProcessOptions = {},
): Promise<WorkerProcess> {
  const child = spawnWorker(url, options, {});
  await waitForWord(child, 'ready');
  return handleOf(child);
}

/**
 * A process that has loaded all modules. On command it becomes a worker with an armed failpoint.
 */
export type LoadedProcess = { start(failpoint: string): Promise<WorkerProcess> };

/** Loads a worker process ahead of the test that needs it. */
export async function loadWorkerProcess(
  url: string,
  options: ProcessOptions = {},
): Promise<LoadedProcess> {
  const child = spawnWorker(url, options, { WAIT: '1' });
  await waitForWord(child, 'loaded');
  return {
    async start(failpoint) {
      child.stdin?.write(`${failpoint}\n`);
      await waitForWord(child, 'ready');
      return handleOf(child);
    },
  };
}

function spawnWorker(
  url: string,
  { openai, graceMs, egressAllow, scope, concurrency, wakeUpSlots }: ProcessOptions,
  extra: Record<string, string>,
): ChildProcess {
  const child = spawn(process.execPath, [ENTRY], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      DATABASE_URL: url,
      ...(openai === undefined ? {} : { OPENAI_BASE_URL: openai }),
      ...(graceMs === undefined ? {} : { GRACE_MS: String(graceMs) }),
      ...(egressAllow === undefined ? {} : { EGRESS_ALLOW: egressAllow }),
      ...(scope === undefined ? {} : { SCOPE: JSON.stringify(scope) }),
      ...(concurrency === undefined ? {} : { CONCURRENCY: String(concurrency) }),
      ...(wakeUpSlots === undefined ? {} : { WAKE_UP_SLOTS: String(wakeUpSlots) }),
      ...extra,
    },
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** Resolves when the process prints the word, and rejects if the process ends before. */
async function waitForWord(child: ChildProcess, word: string): Promise<void> {
  const over = new AbortController();
  const ended = once(child, 'exit', { signal: over.signal });
  const text = await Promise.race([once(child.stdout as Readable, 'data').then(String), ended]);
  over.abort();
  ended.catch(() => {});
  if (typeof text !== 'string' || !text.includes(word)) {
    throw new Error(`the worker process did not start: ${JSON.stringify(text)}`);
  }
}

function handleOf(child: ChildProcess): WorkerProcess {
  const exit = child.exitCode !== null || child.signalCode !== null;
  const ended = exit
    ? Promise.resolve({ code: child.exitCode, signal: child.signalCode })
    : once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  return {
    pid: child.pid as number,
    signal: (name) => void child.kill(name),
    ended,
    get isAlive() {
      return child.exitCode === null && child.signalCode === null;
    },
  };
}

/** Kills all processes of the file. For afterAll: no test may leave a process behind. */
export function killWorkerProcesses(): void {
  for (const child of children) {
    child.kill('SIGKILL');
  }
}
