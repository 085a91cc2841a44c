import type { Logger as Log } from 'pino';
import type { Hooks } from '../src/contracts/agents/hook.ts';
import type { ModelProvider, ModelRef } from '../src/contracts/agents/model.ts';
import type { BuiltinTool, CustomTool } from '../src/contracts/agents/tool.ts';
import type { Outcome } from '../src/contracts/errors.ts';
import type { ObserveRun } from '../src/contracts/runs/run-observer.ts';
import type { WorkerScope } from '../src/db/worker/worker-scope.ts';
import type { MasterKeys } from '../src/secrets/master-keys.ts';
import type { Metrics } from '../src/telemetry/metrics.ts';
import type { McpTransportOptions } from '../src/tools/mcp/transport/transport.ts';
import type { RunInProcess } from './isolation/isolator.ts';
import type { AuditAnchor } from './tasks/audit-checkpoints.ts';

/** The settings and resources of a worker. */
export type WorkerOptions = {
  url: string;
  provider(model: ModelRef): Outcome<ModelProvider>;
  /**
   * The keys that open secrets. Without them, models that name a secret fail with an error that
   * says so.
   */
  masterKeys?: MasterKeys;
  tools: readonly CustomTool[];
  /** The names of the engines that are functions of this process. `provider` has them. */
  engineNames?: readonly string[];
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
  /**
   * Runs a suspect in a process of its own. Without it, for tools that exist in this process only,
   * the worker hands its runs over and takes the suspect alone.
   */
  runInProcess?: RunInProcess | undefined;
  /**
   * Times for suspects in this process: how long its other runs may still commit, and how long the
   * suspect is alone.
   */
  alone?: { graceMs: number; aloneMs: number };
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
  /**
   * The folder of the data of Tesseract. Without a folder, the text of images is not recognized.
   */
  tesseractData?: string | undefined;
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
export type McpAccess = Omit<McpTransportOptions, 'readSecret' | 'accounts'>;
