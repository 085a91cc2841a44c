import type { Logger as Log } from 'pino';
import { runAll, settleAll } from '../src/concurrency/run-all.ts';
import { throttle } from '../src/concurrency/throttle.ts';
import type { Hooks } from '../src/contracts/agents/hook.ts';
import type { ModelProvider, ModelRef } from '../src/contracts/agents/model.ts';
import type { BuiltinTool, CustomTool } from '../src/contracts/agents/tool.ts';
import type { Outcome } from '../src/contracts/errors.ts';
import type { ObserveRun } from '../src/contracts/runs/run-observer.ts';
import { secretRowsOn } from '../src/db/access/secrets.ts';
import { MOST_CONNECTIONS } from '../src/db/connection/connection-limits.ts';
import { breakConnections } from '../src/db/connection/pool.ts';
import { isTimeout } from '../src/db/connection/sqlstate.ts';
import { createExternalReader } from '../src/db/external-database/reader.ts';
import { createNotifier } from '../src/db/feed/notifier.ts';
import { mcpRowsOn } from '../src/db/mcp/servers.ts';
import { describeTables } from '../src/db/query-analysis/describe-tables.ts';
import { resolveModel } from '../src/db/runs/models.ts';
import { loadResource } from '../src/db/runs/resources.ts';
import { runFilesOn } from '../src/db/runs/run-files.ts';
import { createQueryPool } from '../src/db/sql-tools/query-pool.ts';
import { querySettings } from '../src/db/sql-tools/query-settings.ts';
import { ensurePartitions, hasDueWork, syncCustomTools } from '../src/db/worker/maintenance.ts';
import type { WorkerScope } from '../src/db/worker/worker-scope.ts';
import { withSecrets } from '../src/providers/with-secret.ts';
import { sleep } from '../src/runtime/environment/world.ts';
import { MAX_FILE_BYTES } from '../src/runtime/messages/resolve-attachments.ts';
import { Runtime } from '../src/runtime/runtime.ts';
import { type MasterKeys, noMasterKeys } from '../src/secrets/master-keys.ts';
import { createSecretReader } from '../src/secrets/reader.ts';
import type { Metrics } from '../src/telemetry/metrics.ts';
import type { Check } from '../src/telemetry/readiness.ts';
import { tapSecrets } from '../src/telemetry/tap-secrets.ts';
import { customTools } from '../src/tools/custom/custom-tools.ts';
import { createEgress } from '../src/tools/egress.ts';
import { createLazyMcpPool } from '../src/tools/mcp/lazy-pool.ts';
import type { McpServer } from '../src/tools/mcp/server.ts';
import type { McpTransportOptions } from '../src/tools/mcp/transport/transport.ts';
import { sqlQueryTool } from '../src/tools/sql-query.ts';
import { createSender } from '../src/tools/webhooks/send.ts';
import { type DueRunPoller, startDueRunPoller } from './due-run-poller.ts';
import { type Heartbeat, startHeartbeat } from './heartbeat.ts';
import { ANSWER_MS, openPools } from './pools.ts';
import { startQueue } from './queue/graphile-runner.ts';
import { readinessChecks } from './readiness-checks.ts';
import { taskList, withoutWakeUps } from './task-list.ts';
import type { AuditAnchor } from './tasks/audit-checkpoints.ts';
import { untilIdle } from './until-idle.ts';

export type WorkerOptions = {
  url: string;
  provider(model: ModelRef): Outcome<ModelProvider>;
  /**
   * The keys that open secrets. Without them, models that name a secret fail with an error that
   * says so.
   */
  masterKeys?: MasterKeys;
  tools: readonly CustomTool[];
  /** Howdah's own tools that run in the worker's process and need no database. */
  builtins: readonly BuiltinTool[];
  /**
   * The access to MCP servers and other databases. Without it, only those of the public internet
   * are reachable, and no commands are started.
   */
  mcp?: McpAccess;
  /** Hooks written in TypeScript, called for every run of this worker. */
  hooks?: Hooks;
  /** The runs that the worker accepts. All runs when absent. */
  scope?: WorkerScope | undefined;
  /** Runs in flight at once. */
  concurrency: number;
  release: string;
  /**
   * The folder of the files of resources. Without a folder, models receive only content in the
   * database.
   */
  resourceFolder?: string;
  /**
   * The folder where months are archived before they are dropped. Without a folder, months are not
   * archived.
   */
  archiveFolder?: string | undefined;
  /** The destination of checkpoints of the audit log besides the database. */
  audit?: AuditAnchor;
  /**
   * The time without an answer after which a connection to the database is closed. The default is
   * 30 s.
   */
  answerWithinMs?: number;
  /** The number of wake-ups and chores at once, each with a connection. The default is 8. */
  wakeUpSlots?: number;
  log: Log;
  /** Observes runs. */
  observe?: ObserveRun | undefined;
  metrics?: WorkerMetrics | undefined;
  /** Called with every secret value that is read here. No log may contain such a value. */
  onSecret?(value: string): void;
};

/** The metrics that a worker reports besides its runs. */
export type WorkerMetrics = Pick<Metrics, 'countRecovery' | 'watchPool' | 'watchWorker'>;

/**
 * The requirements of MCP servers besides their rows: the guard of requests, the commands that may
 * be started, and their environment.
 */
export type McpAccess = Omit<McpTransportOptions, 'readSecret'>;

const NO_WAYS: McpAccess = {
  egress: createEgress({ allowPrivate: [] }),
  commands: [],
  environment: {},
};

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
const SCOPED_LOOK_MS = 1_000;
const { worker: MOST } = MOST_CONNECTIONS;

/** Starts a worker. Resolves when the worker takes wake-ups and sends heartbeats. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { url, log, metrics } = options;
  const { answerWithinMs = ANSWER_MS } = options;
  const { open, pool, claims, sqlToolPool, queryPool } = openPools(options);
  const readSecret = tapSecrets(
    createSecretReader(secretRowsOn(pool), options.masterKeys ?? noMasterKeys),
    options.onSecret,
  );
  const mcp = createLazyMcpPool({
    ...(options.mcp ?? NO_WAYS),
    rows: mcpRowsOn<McpServer>(pool),
    readSecret,
    log,
  });
  const notifier = createNotifier(url, answerWithinMs);
  await ensurePartitions(pool).catch((err) => {
    if (!isTimeout(err)) throw err;
    log.warn(
      { err },
      'the partitions of the coming months will be created later: another session holds a lock on a table',
    );
  });
  await syncCustomTools(pool, options.tools);
  let registered = customTools(options.tools);
  const queries = createQueryPool(queryPool, MOST.queries);
  const { egress } = options.mcp ?? NO_WAYS;
  const sqlQuery = sqlQueryTool(
    {
      rows: queries.rows,
      tables: (request, names) => describeTables(queries.readOurs, request, names),
    },
    createExternalReader(queryPool, (host, port, signal) => egress.addresses(host, port, signal)),
  );
  const readFile = (tenantId: string, id: string) =>
    loadResource(pool, tenantId, id, { folder: options.resourceFolder, maxBytes: MAX_FILE_BYTES });
  let lookOut: DueRunPoller | undefined;
  const runtime = new Runtime({
    pool,
    claims,
    capacity: options.concurrency,
    world: {
      provider: withSecrets(options.provider, readSecret),
      get customTools() {
        return registered;
      },
      builtins: new Map([...options.builtins, sqlQuery].map((tool) => [tool.name, tool])),
      mcp,
      sqlToolPool,
      queries,
      querySettings: (tenantId) => querySettings(pool, tenantId),
      hooks: options.hooks ?? {},
      readSecret,
      modelNamed: (tenantId, name) => resolveModel(pool, tenantId, name),
      loadResource: readFile,
      filesOf: runFilesOn(pool, readFile),
      random: Math.random,
      sleep,
    },
    announce: (id) => notifier.announce(id),
    stream: notifier.stream,
    tell: (note) => notifier.tell(note),
    observe: options.observe,
    onFull: throttle(ASK_OTHERS_MS, notifier.announceDueRuns),
    onRoom: () => lookOut?.room(),
    onRetry: ({ what, error, attempt }) => {
      metrics?.countRecovery(`${what}_retry`);
      log.warn({ err: error, what, attempt }, 'a statement failed and is retried');
    },
    onError: (err, execution_id, tenant_id) => {
      metrics?.countRecovery('fault');
      log.error({ err, execution_id, tenant_id }, 'a run was released');
    },
  });
  metrics?.watchWorker({
    capacity: options.concurrency,
    get inFlight() {
      return runtime.inFlight;
    },
  });
  const ready = Promise.withResolvers<void>();
  let presence: Heartbeat | undefined;
  const tasks = taskList(
    runtime,
    { pool, sqlToolPool, queries },
    ready.promise,
    { anchor: options.audit ?? {}, log },
    mcp,
    createSender({ egress: (options.mcp ?? NO_WAYS).egress, readSecret }),
    { url, archiveFolder: options.archiveFolder },
  );
  const queue = await startQueue({
    open,
    log,
    slots: options.wakeUpSlots ?? MOST.queue,
    tasks: options.scope ? withoutWakeUps(tasks) : tasks,
    onNews: () => options.scope && lookOut?.nudge(),
    onReplaced: () => presence?.renew('its queue was replaced'),
  });
  metrics?.watchPool('queue', () => queue.pool);
  presence = await startHeartbeat({
    url,
    poolId: () => queue.poolId,
    pool,
    release: options.release,
    scope: options.scope,
    masterKeys: async () =>
      ((await options.masterKeys?.known()) ?? []).map(({ fingerprint }) => fingerprint),
    resourceFolder: options.resourceFolder,
    log,
    onRecovered: (reason, count) => metrics?.countRecovery(reason, count),
    onControl: (id) =>
      void runtime
        .abort(id)
        .catch((err) => log.warn({ err, execution_id: id }, 'a cancellation waits for its commit')),
    onDueRuns: () => lookOut?.nudge(),
    reconcile: () => runtime.reconcile(),
    onOffer: (ids) => void (options.scope ? undefined : runtime.takeOffer(ids)),
    onWorker: (id) => runtime.setWorker(id),
    onSilence: () => [pool, claims, sqlToolPool, queryPool, queue.pool].forEach(breakConnections),
  });
  ready.resolve();
  lookOut = startDueRunPoller(runtime.look, options.scope ? { everyMs: SCOPED_LOOK_MS } : {});

  return {
    get inFlight() {
      return runtime.inFlight;
    },
    checks: () => readinessChecks(presence, queue, runtime.failing),
    replaceTools(tools) {
      registered = customTools(tools);
    },
    untilIdle: (signal) =>
      untilIdle(
        () => hasDueWork(pool, runtime.worker),
        () => runtime.isIdle,
        signal,
      ),
    async stop(graceMs = 10_000) {
      const pollerStopped = lookOut?.stop();
      const drained = runtime.drain(graceMs);
      const isOver = new AbortController(); // a timer left behind would keep the process alive
      const stopped = Promise.race([queue.stop(), sleep(graceMs, isOver.signal)]);
      await runAll([
        () => settleAll([stopped.finally(() => isOver.abort()), drained, pollerStopped]),
        () => mcp.close(),
        () => presence.stop(),
        () =>
          settleAll([
            pool.end(),
            claims.end(),
            sqlToolPool.end(),
            queryPool.end(),
            notifier.close(),
          ]),
      ]);
    },
  };
}
