import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { programBeside } from '../src/package-root.ts';
import { type FaultProxy, startFaultProxy } from './faults/fault-proxy.ts';

const ENTRY = programBeside(import.meta.url, 'worker');
const READY_MS = 60_000;

/**
 * A worker process with a supervisor, which starts a new process whenever the current one ends. All
 * its processes use one proxy between them and the database.
 */
export type SupervisedWorker = {
  readonly proxy: FaultProxy;
  /** The running process; undefined while a process starts or ends. */
  readonly pid: number | undefined;
  readonly isFrozen: boolean;
  signal(name: NodeJS.Signals): void;
  /** Descriptions of processes that ended without a signal of the programme. */
  readonly crashes: string[];
  stop(): Promise<void>;
};

export type SupervisedWorkerOptions = {
  name: string;
  databaseUrl: string;
  modelUrl: string;
  journal: string;
  logs: string;
  /** Additional arguments of Node.js. */
  node?: readonly string[];
  /** Additional environment variables. */
  env?: Readonly<Record<string, string>>;
  /** Whether crashes of the process belong to the test. */
  mayDie?: boolean;
};

/** Starts a worker, its proxy and its supervisor. Resolves when the worker accepts runs. */
export async function startSupervisedWorker(
  options: SupervisedWorkerOptions,
): Promise<SupervisedWorker> {
  const proxy = await startFaultProxy(options.databaseUrl);
  const crashes: string[] = [];
  let worker = startProcess(options, proxy.url);
  let isStopping = false;
  const supervise = async (): Promise<void> => {
    while (!isStopping) {
      const { wasReady, reason } = await worker.ended;
      if (wasReady && !worker.isTerminated && !isStopping && !options.mayDie) {
        crashes.push(`${options.name} ended unexpectedly: ${reason}\n${readCrashOutput(options)}`);
      }
      await sleep(200);
      if (!isStopping) worker = startProcess(options, proxy.url);
    }
  };
  const supervision = supervise();
  await worker.started;
  return {
    proxy,
    crashes,
    get pid() {
      return worker.isReady ? worker.child.pid : undefined;
    },
    get isFrozen() {
      return worker.isFrozen;
    },
    signal(name) {
      worker.isTerminated ||= name === 'SIGKILL' || name === 'SIGTERM';
      worker.isFrozen = name === 'SIGSTOP' || (worker.isFrozen && name !== 'SIGCONT');
      worker.child.kill(name);
    },
    async stop() {
      isStopping = true;
      worker.child.kill('SIGCONT');
      worker.child.kill('SIGKILL');
      await supervision;
      await proxy.close();
    },
  };
}

type WorkerProcess = {
  child: ChildProcess;
  /** Resolves when the process accepts runs, or has ended. */
  started: Promise<void>;
  /** Resolves with the reason when the process has ended. */
  ended: Promise<{ wasReady: boolean; reason: string }>;
  readonly isReady: boolean;
  /** Whether the programme sent a signal that ends the process. */
  isTerminated: boolean;
  isFrozen: boolean;
};

function startProcess(options: SupervisedWorkerOptions, databaseUrl: string): WorkerProcess {
  const child = spawnWorker(options, databaseUrl);
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const exit = once(child, 'exit');
  const output = once(child.stdout as Readable, 'data', { signal: AbortSignal.timeout(READY_MS) });
  let wasReady = false;
  const awaitStart = async (): Promise<void> => {
    await Promise.race([output, exit]).catch(() => child.kill('SIGKILL'));
    wasReady = isRunning();
  };
  const started = awaitStart();
  const awaitEnd = async () => {
    await started;
    const [code, signal] = await exit;
    return { wasReady, reason: String(signal ?? `exit ${code}`) };
  };
  return {
    child,
    started,
    ended: awaitEnd(),
    get isReady() {
      return wasReady && isRunning();
    },
    isTerminated: false,
    isFrozen: false,
  };
}

/** Returns the last lines on stderr that are no log records, such as an uncaught error. */
function readCrashOutput({ logs, name }: SupervisedWorkerOptions): string {
  const lines = readFileSync(join(logs, `${name}.log`), 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('{'))
    .slice(-25)
    .join('\n');
}

function spawnWorker(options: SupervisedWorkerOptions, url: string): ChildProcess {
  const log = openSync(join(options.logs, `${options.name}.log`), 'a');
  const child = spawn(process.execPath, [...(options.node ?? []), ENTRY], {
    stdio: ['ignore', 'pipe', log],
    env: {
      ...process.env,
      ...options.env,
      DATABASE_URL: url,
      OPENAI_BASE_URL: options.modelUrl,
      CHAOS_JOURNAL: options.journal,
    },
  });
  closeSync(log);
  return child;
}
