import type { RunInProcess } from '../workers/isolation/isolator.ts';
import type { ToolSources } from '../workers/registered-tools.ts';
import { startWorker, type Worker } from '../workers/start-worker.ts';
import type { WorkerOptions } from '../workers/worker-options.ts';
import type { Config } from './config.ts';
import type { CustomEngine } from './contracts/agents/engine.ts';
import type { Hooks } from './contracts/agents/hook.ts';
import type { CustomTool } from './contracts/agents/tool.ts';
import { checkpointFile, checkpointKey } from './db/operations/signed-checkpoints.ts';
import type { ScopeTerm, WorkerScope } from './db/worker/worker-scope.ts';
import { createEngines, findEngine } from './engines/registry.ts';
import { createGuardedProviders, providerEnv } from './guarded-providers.ts';
import { isolatedProcesses } from './isolation/isolated-process.ts';
import { releaseVersion } from './package-root.ts';
import { findProvider } from './providers/registry.ts';
import { armFailpoint } from './runtime/environment/failpoints.ts';
import { checkedMasterKeys } from './serve-api.ts';
import type { Sink } from './telemetry/log.ts';
import type { Telemetry } from './telemetry.ts';
import { calculatorTool } from './tools/calculator/calculator.ts';
import { createEgress } from './tools/egress.ts';
import { extractTool } from './tools/extract.ts';
import { httpRequestTool } from './tools/http-request.ts';
import { runCodeTool } from './tools/run-code.ts';

/** Tools, engines and hooks that a program adds to its worker, and options of its start. */
export type Extensions = ToolSources & {
  /** Seconds to wait for a database server that takes no connections yet; 20 by default. */
  waitSeconds?: number;
  /** Seconds in which the API reports not ready and still answers, before it closes; 0. */
  drainSeconds?: number;
  /** Limits the worker to these tenants, agents or workflows. Empty: the worker takes all runs. */
  only?: readonly ScopeTerm[];
  /** The tools of the program itself, without those of the folder. */
  ownTools?: readonly CustomTool[];
  engines?: readonly CustomEngine[];
  hooks?: Hooks;
  /** Ends the wait for the database server. */
  signal?: AbortSignal | undefined;
  /** The destination of log lines, in JSON; stderr by default. */
  logSink?: Sink | undefined;
  /** The key with which this process logs in to its own API. */
  processKey?: Uint8Array;
  /** The limit of `only`, with ids instead of names. */
  scope?: WorkerScope | undefined;
};

/** Starts a worker with the providers of this environment. */
export async function openWorker(
  url: string,
  config: Config,
  telemetry: Telemetry,
  extensions: Extensions = {},
): Promise<Worker> {
  return startWorker(await workerOptions(url, config, telemetry, extensions));
}

/** Returns the settings and resources of a worker with the providers of this environment. */
export async function workerOptions(
  url: string,
  config: Config,
  telemetry: Telemetry,
  extensions: Extensions = {},
): Promise<WorkerOptions> {
  armFailpoint(config.failpoint);
  const masterKeys = await checkedMasterKeys(url, config);
  const egress = createEgress({ allowPrivate: config.egressAllow });
  const providersFor = createGuardedProviders(providerEnv(config), egress);
  const engines = createEngines(extensions.engines ?? [], { allowPrivate: config.egressAllow });
  return {
    url,
    ...telemetry.forWorker,
    tools: extensions.tools ?? [],
    engineNames: (extensions.engines ?? []).map(({ name }) => name),
    hooks: extensions.hooks ?? {},
    scope: extensions.scope,
    builtins: [
      calculatorTool,
      httpRequestTool({ allowPrivate: config.egressAllow }),
      runCodeTool({ path: config.path }),
      extractTool,
    ],
    mcp: { ...config.mcp, egress },
    concurrency: config.workerConcurrency,
    release: releaseVersion(),
    resourceFolder: config.resourceFolder,
    archiveFolder: config.archiveFolder,
    tesseractData: config.tesseractData,
    masterKeys,
    audit: {
      file: checkpointFile(config.home),
      keys: async () => (await masterKeys.readKeys()).map(({ key }) => checkpointKey(key)),
    },
    provider: (model) => findEngine(engines, model) ?? findProvider(providersFor(model), model),
    runInProcess: runInProcess(url, config, extensions),
  };
}

/**
 * Returns what runs suspects in processes of their own. A program's own tools, engines and hooks
 * exist in the process of the program only, so its suspects run there.
 */
function runInProcess(
  url: string,
  config: Config,
  extensions: Extensions,
): RunInProcess | undefined {
  const { ownTools = [], engines = [], hooks = {}, toolFolder, logSink } = extensions;
  const isOwn = ownTools.length > 0 || engines.length > 0 || Object.keys(hooks).length > 0;
  if (isOwn) return undefined;
  return isolatedProcesses({ url, config, toolFolder: toolFolder?.path }, logSink);
}
