import type { TaskList } from 'graphile-worker';
import { runAll, settleAll } from '../src/concurrency/run-all.ts';
import { throttle } from '../src/concurrency/throttle.ts';
import type { CustomTool } from '../src/contracts/agents/tool.ts';
import { MAX_CONNECTIONS } from '../src/db/connection/connection-limits.ts';
import { isTimeout } from '../src/db/connection/sqlstate.ts';
import { createNotifier, type Notifier } from '../src/db/feed/notifier.ts';
import { ensureNextMonth, hasDueWork } from '../src/db/worker/maintenance.ts';
import { isolateWorker } from '../src/db/worker/suspects.ts';
import { syncCustomTools } from '../src/db/worker/sync-environment.ts';
import { sleep } from '../src/runtime/environment/runtime-dependencies.ts';
import { Runtime } from '../src/runtime/runtime.ts';
import type { RuntimeOptions } from '../src/runtime/runtime-options.ts';
import type { Check } from '../src/telemetry/readiness.ts';
import { customTools } from '../src/tools/custom/custom-tools.ts';
import { BatchRunners } from './batch-jobs/batch-runners.ts';
import { createDependencies, type WorkerDependencies } from './dependencies.ts';
import { DueWorkPoller } from './due-work-poller.ts';
import { ALONE, Isolator, REPEATED_FACTOR } from './isolation/isolator.ts';
import { ANSWER_MS, openPools, type WorkerPools } from './pools.ts';
import { LastingRunner } from './queue/lasting-runner.ts';
import { readinessChecks } from './readiness-checks.ts';
import { taskList, withoutWakeUps } from './task-list.ts';
import { untilIdle } from './until-idle.ts';
import { Chores } from './upkeep/chores.ts';
import { Heartbeat } from './upkeep/heartbeat.ts';
import type { WorkerOptions } from './worker-options.ts';

export type Worker = {
  readonly inFlight: number;
  /**
   * Returns whether the database counts the worker as alive, and whether the worker takes wake-ups.
   */
  checks(): readonly Check[];
  /**
   * Replaces the custom tools by these, by name, from now on. The caller is responsible for their
   * rows.
   */
  replaceTools(tools: readonly CustomTool[]): void;
  /** Resolves when the worker has no runs and nothing is due any more, or when the signal fires. */
  untilIdle(signal: AbortSignal): Promise<void>;
  /**
   * Drains the worker: runs in flight may commit for `graceMs`, and the rest is handed to other
   * workers.
   */
  stop(graceMs?: number): Promise<void>;
};

/** The pause between two requests to other workers to look for due runs. */
const ASK_OTHERS_MS = 100;
/** The time within which a worker with a scope finds runs that become due by the clock. */
const SCOPED_POLL_MS = 1_000;
const { worker: MOST } = MAX_CONNECTIONS;

/**
 * Starts a worker. Resolves when the worker takes wake-ups and sends heartbeats. Closes everything
 * and rejects when that fails.
 */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const worker = new RunningWorker(options);
  try {
    await worker.start();
    return worker;
  } catch (error) {
    await worker
      .stop(0)
      .catch((err) => options.log.warn({ err }, 'resources of the worker could not be closed'));
    throw error;
  }
}

/** The parts of a worker, which are created at once and started in order. */
class RunningWorker implements Worker {
  readonly #options: WorkerOptions;
  readonly #pools: WorkerPools;
  readonly #notifier: Notifier;
  readonly #dependencies: WorkerDependencies;
  readonly #poller: DueWorkPoller;
  readonly #runtime: Runtime;
  readonly #queue: LastingRunner;
  readonly #heartbeat: Heartbeat;
  readonly #chores: Chores;
  readonly #batches: BatchRunners;
  readonly #isolator: Isolator;
  /** Wake-ups wait for it: a worker claims no runs before the database counts it as alive. */
  readonly #registered = Promise.withResolvers<void>();

  constructor(options: WorkerOptions) {
    const { url, answerWithinMs = ANSWER_MS, scope, log } = options;
    this.#options = options;
    this.#registered.promise.catch(() => {}); // a worker that fails to start has no wake-ups yet
    this.#pools = openPools(options);
    this.#notifier = createNotifier(url, answerWithinMs);
    this.#dependencies = createDependencies(options, this.#pools);
    this.#poller = new DueWorkPoller({
      everyMs: scope && SCOPED_POLL_MS,
      onError: (err) => log.warn({ err }, 'due runs could not be looked for; retrying in a second'),
    });
    this.#runtime = new Runtime(this.#runtimeOptions());
    this.#queue = this.#createQueue();
    this.#heartbeat = this.#createHeartbeat();
    this.#chores = this.#createChores();
    this.#batches = this.#createBatchRunners();
    this.#isolator = this.#createIsolator();
  }

  async start(): Promise<void> {
    const { metrics } = this.#options;
    metrics?.watchWorker(this.#load());
    await this.#prepareDatabase();
    await this.#queue.start();
    metrics?.watchPool('queue', () => this.#queue.pool);
    await this.#heartbeat.start();
    await this.#chores.start();
    this.#registered.resolve();
    this.#poller.start(this.#runtime.claimDueRuns);
    this.#batches.start();
    this.#isolator.start();
  }

  get inFlight(): number {
    return this.#runtime.inFlight;
  }

  checks(): readonly Check[] {
    return readinessChecks(this.#heartbeat, this.#queue, this.#runtime.failing);
  }

  replaceTools(tools: readonly CustomTool[]): void {
    this.#dependencies.runs.customTools = customTools(tools);
  }

  untilIdle(signal: AbortSignal): Promise<void> {
    return untilIdle(
      () => hasDueWork(this.#pools.pool, this.#runtime.worker),
      () => this.#runtime.isIdle && this.#batches.isIdle('write_answer') && this.#isolator.isIdle,
      signal,
    );
  }

  async stop(graceMs = 10_000): Promise<void> {
    await runAll([
      () => this.#drain(graceMs),
      () => this.#dependencies.mcp.close(),
      () => this.#chores.stop(),
      () => this.#batches.stop(),
      () => this.#heartbeat.stop(),
      () => settleAll([this.#pools.end(), this.#notifier.close()]),
    ]);
  }

  /** Ends the queue, and the runs as well after the grace period. */
  async #drain(graceMs: number): Promise<void> {
    this.#registered.reject(new Error('the worker stops')); // no effect on a registered worker
    const pollerStopped = this.#poller.stop();
    const drained = Promise.all([this.#runtime.drain(graceMs), this.#isolator.stop()]);
    const isOver = new AbortController(); // a timer left behind would keep the process alive
    const queueStopped = Promise.race([this.#queue.stop(), sleep(graceMs, isOver.signal)]);
    await settleAll([queueStopped.finally(() => isOver.abort()), drained, pollerStopped]);
  }

  /** Creates the partitions of this and the next month, and the rows of the tools in code. */
  async #prepareDatabase(): Promise<void> {
    const { pool } = this.#pools;
    await ensureNextMonth(pool).catch((err) => {
      if (!isTimeout(err)) throw err;
      this.#options.log.warn(
        { err },
        'the partitions of the next month will be created later: another session holds a lock on a table',
      );
    });
    await syncCustomTools(pool, this.#options.tools);
  }

  #runtimeOptions(): RuntimeOptions {
    const { log, metrics, concurrency, observe } = this.#options;
    const { pool, claims, filters } = this.#pools;
    const notifier = this.#notifier;
    return {
      ...{ pool, claims, filters },
      capacity: concurrency,
      world: this.#dependencies.runs,
      announce: (id) => notifier.announce(id),
      stream: notifier.stream,
      tell: (note) => notifier.tell(note),
      observe,
      onFull: throttle(ASK_OTHERS_MS, notifier.announceDueRuns),
      onRoom: () => this.#poller.room(),
      onRetry: ({ what, error, attempt }) => {
        metrics?.countRecovery(`${what}_retry`);
        log.warn({ err: error, what, attempt }, 'a statement failed and is retried');
      },
      onError: (err, execution_id, tenant_id) => {
        metrics?.countRecovery('fault');
        log.error({ err, execution_id, tenant_id }, 'a run was released');
      },
    };
  }

  #createQueue(): LastingRunner {
    const { log, scope, wakeUpSlots = MOST.queue } = this.#options;
    const tasks = this.#createTasks();
    return new LastingRunner({
      open: this.#pools.open,
      log,
      slots: wakeUpSlots,
      tasks: scope ? withoutWakeUps(tasks) : tasks,
      onNews: () => scope && this.#poller.nudge(),
      onReplaced: () => this.#heartbeat.renew('its queue was replaced'),
    });
  }

  #createTasks(): TaskList {
    const { url, archiveFolder, audit = {}, log } = this.#options;
    const { pool, sqlToolPool } = this.#pools;
    const { queries, mcp, accounts, send, runs } = this.#dependencies;
    return taskList(
      this.#runtime,
      { pool, sqlToolPool, queries },
      this.#registered.promise,
      { anchor: audit, log },
      mcp,
      accounts,
      send,
      { url, archiveFolder },
      runs,
    );
  }

  #createHeartbeat(): Heartbeat {
    const { url, release, scope, masterKeys, engineNames, log } = this.#options;
    const { pool, claims, filters, sqlToolPool, queryPool } = this.#pools;
    const runtime = this.#runtime;
    return new Heartbeat({
      ...{ url, release, scope, log },
      queue: this.#queue,
      masterKeys: async () =>
        ((await masterKeys?.readKeys()) ?? []).map(({ fingerprint }) => fingerprint),
      customTools: () => [...this.#dependencies.runs.customTools.keys()],
      customEngines: engineNames ?? [],
      pools: () => [pool, claims, filters, sqlToolPool, queryPool, this.#queue.pool],
      onControl: (id) =>
        void runtime
          .abort(id)
          .catch((err) =>
            log.warn({ err, execution_id: id }, 'a cancellation waits for its commit'),
          ),
      onDueRuns: () => this.#poller.nudge(),
      onDueAnswers: () => this.#batches.nudge('write_answer'),
      onOffer: (ids) => void (scope ? undefined : runtime.takeOffer(ids)),
      onWorker: (id) => runtime.setWorkerId(id),
    });
  }

  #createBatchRunners(): BatchRunners {
    const { resourceFolder, tesseractData, masterKeys, log, mcp } = this.#options;
    const { pool, sqlToolPool } = this.#pools;
    const { decryptFor, provider } = this.#dependencies.runs;
    return new BatchRunners({
      ...{ pool, sqlToolPool, log, isRegistered: () => this.#heartbeat.worker !== undefined },
      ...{ decryptFor, provider, resourceFolder, tesseractData, masterKeys, egress: mcp?.egress },
    });
  }

  #createChores(): Chores {
    const { log, metrics } = this.#options;
    return new Chores({
      ...{ pool: this.#pools.pool, log },
      worker: () => this.#heartbeat.worker,
      reconcile: () => this.#runtime.reconcile(),
      onRecovered: (reason, count) => metrics?.countRecovery(reason, count),
    });
  }

  #createIsolator(): Isolator {
    const { log, runInProcess, alone: { graceMs, aloneMs } = ALONE } = this.#options;
    const { pool } = this.#pools;
    const runtime = this.#runtime;
    const isolate = (id: string | null) => isolateWorker(pool, runtime.worker, id);
    return new Isolator({
      ...{ pool, log, runInProcess },
      worker: () => this.#heartbeat.worker,
      runHere: ({ id, isRepeated }) =>
        runtime.lone.run(id, isolate, {
          ...{ graceMs, aloneMs: isRepeated ? aloneMs * REPEATED_FACTOR : aloneMs },
        }),
    });
  }

  /** Returns the worker as metrics count it. */
  #load(): { readonly inFlight: number; capacity: number } {
    const runtime = this.#runtime;
    return {
      capacity: this.#options.concurrency,
      get inFlight() {
        return runtime.inFlight;
      },
    };
  }
}
