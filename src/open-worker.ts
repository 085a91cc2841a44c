import type { ToolSources } from '../workers/registered-tools.ts';
import { startWorker, type Worker } from '../workers/start-worker.ts';
import type { Config } from './config.ts';
import type { CustomEngine } from './contracts/agents/engine.ts';
import type { Hooks } from './contracts/agents/hook.ts';
import { checkpointFile, checkpointKey } from './db/operations/signed-checkpoints.ts';
import type { ScopeTerm, WorkerScope } from './db/worker/worker-scope.ts';
import { createEngines, findEngine } from './engines/registry.ts';
import { createGuardedProviders, providerEnv } from './guarded-providers.ts';
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
  armFailpoint(config.failpoint);
  const masterKeys = await checkedMasterKeys(url, config);
  const egress = createEgress({ allowPrivate: config.egressAllow });
  const providersFor = createGuardedProviders(providerEnv(config), egress);
  const engines = createEngines(extensions.engines ?? [], { allowPrivate: config.egressAllow });
  return startWorker({
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
    masterKeys,
    audit: {
      file: checkpointFile(config.home),
      keys: async () => (await masterKeys.readKeys()).map(({ key }) => checkpointKey(key)),
    },
    provider: (model) => findEngine(engines, model) ?? findProvider(providersFor(model), model),
  });
}
