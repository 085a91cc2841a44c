import { parentPort } from 'node:worker_threads';
import type { ApiServer } from './api/server.ts';
import {
  type ApiCommand,
  type ApiReport,
  type ApiThreadData,
  type CountedPools,
  serializeError,
} from './api-thread.ts';
import { serveApi } from './serve-api.ts';
import type { ApiMetrics, CountedPool } from './telemetry/metrics.ts';
import type { WatchedReplica } from './telemetry/replica-metrics.ts';
import { openLog } from './telemetry.ts';

// The program of the API thread in a process that is also a worker: see api-thread.ts.

const STATE_MS = 1_000;
const METRICS_MS = 5_000;

const report = (message: ApiReport): void => parentPort?.postMessage(message);
const metricsRequests = new Map<number, (text: string | undefined) => void>();

/** Returns the part of the process's metrics that an API needs. */
function metricsOfProcess(contentType: string): ApiMetrics {
  const pools = new Map<string, () => CountedPool>();
  let replica: WatchedReplica | undefined;
  let last = 0;
  const reportState = (): void => {
    const counted: CountedPools = {};
    for (const [name, pool] of pools) {
      const { totalCount, idleCount, waitingCount, options } = pool();
      counted[name] = { totalCount, idleCount, waitingCount, options: { max: options.max } };
    }
    const state = replica && { trouble: replica.trouble, lag: replica.lag };
    report({ is: 'state', pools: counted, replica: state });
  };
  setInterval(reportState, STATE_MS).unref();
  return {
    contentType,
    countRequest: (...request) => report({ is: 'counted', request }),
    countRead: (...read) => report({ is: 'counted', read }),
    watchPool: (name, pool) => void pools.set(name, pool),
    watchReplica: (one) => {
      replica = one;
    },
    text() {
      reportState();
      last += 1;
      const id = last;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => answer(undefined), METRICS_MS);
        const answer = (text: string | undefined): void => {
          clearTimeout(timer);
          metricsRequests.delete(id);
          if (text === undefined)
            reject(new Error(`the worker sent no metrics within ${METRICS_MS} ms`));
          else resolve(text);
        };
        metricsRequests.set(id, answer);
        report({ is: 'metrics_requested', id });
      });
    },
  };
}

let api: ApiServer | undefined;

parentPort?.on('message', async (command: ApiCommand) => {
  switch (command.do) {
    case 'start':
      return start(command.data).catch((error) =>
        report({ is: 'failed', error: serializeError(error) }),
      );
    case 'show_metrics':
      return metricsRequests.get(command.id)?.(command.text);
    case 'drain':
      return api?.drain();
    case 'close':
      await api?.close();
      return report({ is: 'closed' });
  }
});

async function start(data: ApiThreadData): Promise<void> {
  const { url, config, terminal, metricsType, processKey, sendsLog } = data;
  // Buffers are copied between threads as plain bytes.
  const secretKeys = config.secretKeys.map((key) => Buffer.from(key));
  const own = { ...config, secretKeys };
  const metrics = metricsType === undefined ? undefined : metricsOfProcess(metricsType);
  const sink = sendsLog ? { write: (line: string) => report({ is: 'logged', line }) } : undefined;
  const { log } = openLog(url, own, terminal, sink);
  api = await serveApi(url, own, { log, metrics, processKey });
  report({ is: 'ready', url: api.url, port: api.port });
}

// Loads the packages of the API before the command to start. An error of loading is reported then.
void import('./api/server.ts').catch(() => {});
