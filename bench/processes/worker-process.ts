import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isEntry } from '../../src/package-root.ts';
import { startEngine } from './engine.ts';
import { askFakeModel } from './fake-model.ts';
import { stepLine } from './step-log.ts';

/** The engine in a process of its own, for what is measured of a process, or kills one. */
export type WorkerOrder = {
  url: string;
  concurrency: number;
  /** Where the model is asked; without one it answers at once. */
  modelUrl?: string;
  /** Tool calls take 50 ms and are noted here when they begin and end. */
  log?: string;
};

/** What the process used since it was ready. */
export type Usage = { cpuSeconds: number; rssMb: number; stallMs: number };

export type WorkerProcess = {
  child: ChildProcess;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
};

const CALL_MS = 50;

export async function startWorkerProcess(order: WorkerOrder): Promise<WorkerProcess> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(order)]);
  const gone = new AbortController();
  child.once('exit', () => gone.abort(new Error('the worker ended before it was ready')));
  await once(child, 'message', { signal: gone.signal });
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
  const { log, modelUrl, ...order }: WorkerOrder = JSON.parse(process.argv[2] ?? '');
  const worker = await startEngine({
    ...order,
    ...(modelUrl && { onModelCall: async () => void (await askFakeModel(modelUrl)) }),
    ...(log && {
      onToolCall: async ({ execution_id, idempotency_key }) => {
        const call = Number(idempotency_key.split('call_')[1]);
        appendFileSync(log, stepLine('begin', execution_id, call));
        await sleep(CALL_MS);
        appendFileSync(log, stepLine('end', execution_id, call));
      },
    }),
  });
  const stalls = monitorEventLoopDelay({ resolution: 20 });
  stalls.enable();
  const cpu = process.cpuUsage();
  process.on('message', async (what) => {
    if (what === 'usage') {
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
