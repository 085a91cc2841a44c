import { randomUUID } from 'node:crypto';
import { settleAll } from '../../src/concurrency/run-all.ts';
import { createNotifier } from '../../src/db/feed/notifier.ts';
import { isolateWorker } from '../../src/db/worker/suspects.ts';
import { Runtime } from '../../src/runtime/runtime.ts';
import { createDependencies } from '../dependencies.ts';
import { ANSWER_MS, openPools, type WorkerPools } from '../pools.ts';
import { Heartbeat } from '../upkeep/heartbeat.ts';
import type { WorkerOptions } from '../worker-options.ts';
import type { IsolatedRun } from './isolator.ts';

/**
 * Runs a suspect in this process: a worker that takes this run only, and neither jobs nor chores.
 * Resolves when this process does not hold the run any more. Hands it over when the signal fires,
 * or when the database no longer counts this worker as alive.
 */
export async function runIsolated(
  options: WorkerOptions,
  { id, parent, isRepeated }: IsolatedRun,
  signal: AbortSignal,
): Promise<void> {
  const { url, log, answerWithinMs = ANSWER_MS } = options;
  const pools = openPools(options);
  const notifier = createNotifier(url, answerWithinMs);
  const dependencies = createDependencies(options, pools);
  const over = new AbortController();
  const runtime = new Runtime({
    ...{ pool: pools.pool, claims: pools.claims, filters: pools.filters },
    ...{ capacity: 1, world: dependencies.runs },
    ...{ stream: notifier.stream, observe: options.observe, keepsSuspects: isRepeated },
    announce: (executionId) => notifier.announce(executionId),
    tell: (note) => notifier.tell(note),
    onRetry: ({ what, error, attempt }) =>
      log.warn({ err: error, what, attempt }, 'a statement failed and is retried'),
    onError: (err, execution_id, tenant_id) =>
      log.error({ err, execution_id, tenant_id }, 'a run was released'),
  });
  const heartbeat = createHeartbeat(
    options,
    pools,
    runtime,
    [...dependencies.runs.customTools.keys()],
    () => over.abort(),
  );
  try {
    await heartbeat.start();
    if (!(await isolateWorker(pools.pool, runtime.worker, id, parent))) return;
    const run = runtime.runOnly(id);
    const ended = AbortSignal.any([signal, over.signal]);
    await Promise.race([run, untilAborted(ended)]);
  } finally {
    await runtime.drain(0);
    await heartbeat.stop();
    await dependencies.mcp.close();
    await settleAll([pools.end(), notifier.close()]);
  }
}

/** Creates the heartbeat of a worker that takes no jobs. `onLost`: another has to take the run. */
function createHeartbeat(
  { url, release, log, masterKeys }: WorkerOptions,
  { pool, claims, filters, sqlToolPool, queryPool }: WorkerPools,
  runtime: Runtime,
  customTools: string[],
  onLost: () => void,
): Heartbeat {
  return new Heartbeat({
    ...{ url, release, log },
    queue: { poolId: `isolated-${randomUUID()}` },
    masterKeys: async () =>
      ((await masterKeys?.readKeys()) ?? []).map(({ fingerprint }) => fingerprint),
    customTools: () => customTools,
    customEngines: [],
    pools: () => [pool, claims, filters, sqlToolPool, queryPool],
    onControl: (execution_id) =>
      void runtime
        .abort(execution_id)
        .catch((err) => log.warn({ err, execution_id }, 'a cancellation waits for its commit')),
    onDueAnswers: () => {},
    onDueRuns: () => {},
    onOffer: () => {},
    onWorker(worker) {
      runtime.setWorkerId(worker);
      if (worker === null) onLost();
    },
  });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
