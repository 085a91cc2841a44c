import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export type WorkerProcess = {
  readonly pid: number;
  signal(name: NodeJS.Signals): void;
  /** How it ended, once it has. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly isAlive: boolean;
};

const ENTRY = fileURLToPath(new URL('../support/worker-process.ts', import.meta.url));
const children = new Set<ChildProcess>();

/** Starts a worker in a process of its own; resolves when it takes runs. */
export async function startWorkerProcess(
  url: string,
  options: { openai?: string; graceMs?: number; egressAllow?: string } = {},
): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [ENTRY], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      DATABASE_URL: url,
      ...(options.openai === undefined ? {} : { OPENAI_BASE_URL: options.openai }),
      ...(options.egressAllow === undefined ? {} : { EGRESS_ALLOW: options.egressAllow }),
      ...(options.graceMs === undefined ? {} : { GRACE_MS: String(options.graceMs) }),
    },
  });
  children.add(child);
  const ended = once(child, 'exit').then(([code, signal]) => {
    children.delete(child);
    return { code, signal };
  });
  const said = await Promise.race([once(child.stdout, 'data').then(String), ended]);
  if (typeof said !== 'string' || !said.includes('ready') || child.pid === undefined) {
    throw new Error(`the worker process did not start: ${JSON.stringify(said)}`);
  }
  return {
    pid: child.pid,
    signal: (name) => void child.kill(name),
    ended,
    get isAlive() {
      return child.exitCode === null && child.signalCode === null;
    },
  };
}

/** For afterAll: no test may leave a process behind. */
export function killWorkerProcesses(): void {
  for (const child of children) {
    child.kill('SIGKILL');
  }
}
