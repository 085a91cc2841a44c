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

/** A place for a worker: when its process ends, another one is started there. */
export type SupervisedWorker = {
  /** Between it and the database. */
  readonly proxy: FaultProxy;
  readonly pid: number | undefined;
  readonly isFrozen: boolean;
  signal(name: NodeJS.Signals): void;
  /** Processes that ended though nobody had asked them to. */
  readonly deaths: string[];
  stop(): Promise<void>;
};

export type SupervisedWorkerOptions = {
  name: string;
  databaseUrl: string;
  modelUrl: string;
  journal: string;
  logs: string;
  /** More arguments of node, and more of the environment. */
  node?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Its own end is part of the test. */
  mayDie?: boolean;
};

/** Starts a worker behind a proxy of its own and keeps one running there. Resolves when it takes runs. */
export async function startSupervisedWorker(
  options: SupervisedWorkerOptions,
): Promise<SupervisedWorker> {
  const proxy = await startFaultProxy(options.databaseUrl);
  const deaths: string[] = [];
  let child: ChildProcess | undefined;
  let isReady = false;
  let isSignalled = false;
  let isFrozen = false;
  let isOver = false;

  const live = async (): Promise<void> => {
    isReady = false;
    isSignalled = false;
    isFrozen = false;
    child = spawnWorker(options, proxy.url);
    const ended = once(child, 'exit');
    const said = once(child.stdout as Readable, 'data', { signal: AbortSignal.timeout(READY_MS) });
    await Promise.race([said, ended]).catch(() => child?.kill('SIGKILL'));
    isReady = child.exitCode === null && child.signalCode === null;
    announce();
    const [code, signal] = await ended;
    if (isReady && !isSignalled && !isOver && !options.mayDie) {
      deaths.push(
        `${options.name} ended by itself: ${signal ?? `exit ${code}`}\n${lastWords(options)}`,
      );
    }
  };
  let announce = (): void => {};
  const first = new Promise<void>((resolve) => {
    announce = resolve;
  });
  const supervised = (async () => {
    while (!isOver) {
      await live();
      await sleep(200);
    }
  })();
  await first;
  return {
    proxy,
    deaths,
    get pid() {
      return isReady && child?.exitCode === null && child.signalCode === null
        ? child.pid
        : undefined;
    },
    get isFrozen() {
      return isFrozen;
    },
    signal(name) {
      isSignalled ||= name === 'SIGKILL' || name === 'SIGTERM';
      isFrozen = name === 'SIGSTOP' || (isFrozen && name !== 'SIGCONT');
      child?.kill(name);
    },
    async stop() {
      isOver = true;
      child?.kill('SIGCONT');
      child?.kill('SIGKILL');
      await supervised;
      await proxy.close();
    },
  };
}

/** What a worker said last that is no line of its log: an error nobody caught. */
function lastWords({ logs, name }: SupervisedWorkerOptions): string {
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
