import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isEntry } from '../../src/package-root.ts';
import { startEngine } from './engine.ts';
import { callFakeModel } from './fake-model.ts';
import { formatStepLine } from './step-log.ts';

// A worker in a process of its own, for benches that measure the memory or CPU of a process, or
// kill it. The parent starts this module as a program, and sends it `usage` and `stop`.

export type WorkerProcessOptions = {
  url: string;
  concurrency: number;
  /** The URL of the fake model. Without one the model responds at once. */
  modelUrl?: string;
  /** The step log. With one, tool calls take 50 ms, and append their begin and end to it. */
  log?: string;
};

/**
 * CPU time and longest stall of the event loop since the process was ready, and its peak memory.
 */
export type Usage = { cpuSeconds: number; rssMb: number; stallMs: number };

export type WorkerProcess = {
  child: ChildProcess;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
};

const CALL_MS = 50;

/** Starts a worker process. Resolves when the worker is ready. */
export async function startWorkerProcess(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)]);
  const exited = new AbortController();
  child.once('exit', () => exited.abort(new Error('the worker ended before it was ready')));
  await once(child, 'message', { signal: exited.signal });
  return {
    child,
    async usage() {
      child.send('usage');
      const [usage] = await once(child, 'message');
      return usage as Usage;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.send('stop');
        await once(child, 'exit');
      }
    },
  };
}

if (isEntry(import.meta.url)) {
  const { log, modelUrl, ...options }: WorkerProcessOptions = JSON.parse(process.argv[2] ?? '');
  const worker = await startEngine({
    ...options,
    ...(modelUrl && { onModelCall: async () => void (await callFakeModel(modelUrl)) }),
    ...(log && {
      onToolCall: async ({ execution_id, idempotency_key }) => {
        const call = Number(idempotency_key.split('call_')[1]);
        appendFileSync(log, formatStepLine('begin', execution_id, call));
        await sleep(CALL_MS);
        appendFileSync(log, formatStepLine('end', execution_id, call));
      },
    }),
  });
  const stalls = monitorEventLoopDelay({ resolution: 20 });
  stalls.enable();
  const cpu = process.cpuUsage();
  process.on('message', async (request) => {
    if (request === 'usage') {
      const { user, system } = process.cpuUsage(cpu);
      const { maxRSS } = process.resourceUsage();
      const usage: Usage = {
        cpuSeconds: (user + system) / 1e6,
        rssMb: maxRSS / 1_024,
        stallMs: stalls.max / 1e6,
      };
      process.send?.(usage);
    } else {
      await worker.stop(0);
      process.exit();
    }
  });
  process.once('disconnect', () => process.exit());
  process.send?.('ready');
}
