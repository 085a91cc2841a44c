import { setTimeout as delay } from 'node:timers/promises';
import { startWorker, type Worker } from '../workers/main.ts';
import { migrateQueue } from '../workers/migrate-queue.ts';
import { openTools, type ToolSources } from '../workers/registered-tools.ts';
import type { Api } from './api/server.ts';
import { startApiThread } from './api-thread.ts';
import type { Config } from './config.ts';
import { checkpointFile, checkpointKey } from './contracts/audit-checkpoint.ts';
import type { CustomEngine } from './contracts/engine.ts';
import { HowdahError } from './contracts/errors.ts';
import type { Hooks } from './contracts/hook.ts';
import { awaitServer } from './db/await-server.ts';
import { startEmbedded } from './db/embedded/embedded.ts';
import { syncDefaultModel } from './db/maintenance.ts';
import { migrateUp } from './db/migrate.ts';
import { createPool } from './db/pool.ts';
import { describeDefaultModel, queriesOn } from './db/queries.ts';
import { resolveScope, type ScopeTerm, type WorkerScope } from './db/worker-scope.ts';
import { createEngines, findEngine } from './engines/registry.ts';
import { releaseVersion } from './package-root.ts';
import { createProviders, findProvider } from './providers/registry.ts';
import { armFailpoint } from './runtime/failpoints.ts';
import { checkedMasterKeys, serveApi } from './serve-api.ts';
import { openTelemetry, type Telemetry, terminalOf } from './telemetry.ts';
import { calculatorTool } from './tools/calculator.ts';
import { createEgress } from './tools/egress.ts';
import { extractTool } from './tools/extract.ts';
import { httpRequestTool } from './tools/http-request.ts';
import { runCodeTool } from './tools/run-code.ts';

export { masterKeysOf } from './serve-api.ts';
export { openTelemetry } from './telemetry.ts';

/** The database a process works on: the one DATABASE_URL names, else the embedded one, started if need be. */
export type Database = { url: string; isEmbedded: boolean };

/** Finds or starts the database. `talk` is told what takes a moment. */
export async function openDatabase(
  config: Config,
  talk: (line: string) => void,
): Promise<Database> {
  if (config.databaseUrl !== undefined) {
    return { url: config.databaseUrl, isEmbedded: false };
  }
  const { url } = await startEmbedded({ home: config.home, log: talk });
  return { url, isEmbedded: true };
}

const WAIT_SECONDS = 20;

/** The same, once it takes connections: a given one may be started later than we are. */
export async function awaitDatabase(
  config: Config,
  talk: (line: string) => void,
  seconds: number = WAIT_SECONDS,
): Promise<Database> {
  const database = await openDatabase(config, talk);
  if (!database.isEmbedded) await awaitServer(database.url, seconds, talk);
  return database;
}

/** Brings the schema up to date. Gives the migrations applied. */
export function migrateDatabase(url: string): Promise<string[]> {
  return migrateUp(url, migrateQueue);
}

/** Lets the models named `default` follow this environment: what starts does so, what only looks does not. */
export async function followEnvironment(url: string, config: Config): Promise<void> {
  refuseUnknownProvider(config);
  const pool = createPool({ url, applicationName: 'howdah-start', role: 'howdah_worker', max: 1 });
  try {
    await syncDefaultModel(pool, defaultModelRow(config));
  } finally {
    await pool.end();
  }
}

function refuseUnknownProvider(config: Config): void {
  const found = findProvider(createProviders({}), {
    provider: defaultModelRow(config).provider,
    base_url: config.defaultModel.baseUrl ?? null,
  });
  if (!found.ok) {
    throw new HowdahError('HWINV', `LLM_PROVIDER: ${found.error.message}`, {
      hint: 'Set LLM_PROVIDER to one of those, or set LLM_URL to the address of an OpenAI-compatible server.',
      detail: { variable: 'LLM_PROVIDER' },
    });
  }
}

/** A model whose URL stands in the environment is reached as any OpenAI-compatible server is. */
function defaultModelRow(config: Config): { provider: string; model: string } {
  const { provider, model, baseUrl } = config.defaultModel;
  return { provider: baseUrl === undefined ? provider : 'openai', model };
}

/** What a program adds to its worker, and how it starts. */
export type Extensions = ToolSources & {
  /** How long a given server is waited for that takes no connections yet, in seconds; 20. */
  waitSeconds?: number;
  /** How long the API says that it is not ready, and answers all the same, before it closes, in seconds; 0. */
  drainSeconds?: number;
  /** What the worker is there for; all runs when empty. */
  only?: readonly ScopeTerm[];
  engines?: readonly CustomEngine[];
  hooks?: Hooks;
  /** The same by ids, where it is known. */
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
  const providers = createProviders({
    OPENAI_API_KEY:
      defaultModelRow(config).provider === 'openai' ? config.defaultModel.apiKey : undefined,
    OPENAI_BASE_URL: config.defaultModel.baseUrl,
  });
  const engines = createEngines(extensions.engines ?? [], { allowPrivate: config.egressAllow });
  return startWorker({
    url,
    ...telemetry.forWorker,
    tools: extensions.tools ?? [],
    hooks: extensions.hooks ?? {},
    scope: extensions.scope,
    builtins: [
      calculatorTool,
      httpRequestTool({ allowPrivate: config.egressAllow }),
      runCodeTool({ path: config.path }),
      extractTool,
    ],
    mcp: { ...config.mcp, egress: createEgress({ allowPrivate: config.egressAllow }) },
    concurrency: config.workerConcurrency,
    release: releaseVersion(),
    resourceFolder: config.resourceFolder,
    archiveFolder: config.archiveFolder,
    masterKeys,
    audit: {
      file: checkpointFile(config.home),
      keys: async () => (await masterKeys.known()).map(({ key }) => checkpointKey(key)),
    },
    provider: (model) => findEngine(engines, model) ?? findProvider(providers, model),
  });
}

/** A running Howdah. */
export type Howdah = {
  /** The database it works on: the owner's URL. */
  databaseUrl: string;
  isEmbedded: boolean;
  /** The model of agents that name none, in words. */
  model: string;
  /** Where the API listens, undefined without one. */
  apiUrl: string | undefined;
  /** Runs this process holds. */
  inFlight(): number;
  /** Resolves when its worker holds nothing and nothing is due any more, or when the signal fires. */
  untilIdle(signal: AbortSignal): Promise<void>;
  /** Drains worker and API, closes both; an embedded Postgres goes on running. */
  close(): Promise<void>;
};

const STARTING = [{ name: 'presence', ok: false, reason: 'This worker is starting.' }];

/** Opens the database, migrates it, and starts the parts asked for. What fails half way is closed again. */
export async function openHowdah(
  config: Config,
  parts: { api: boolean; worker: boolean },
  talk: (line: string) => void,
  extensions: Extensions = {},
): Promise<Howdah> {
  const { url, isEmbedded } = await awaitDatabase(config, talk, extensions.waitSeconds);
  await migrateDatabase(url);
  if (parts.worker) {
    await followEnvironment(url, config); // whoever calls the models knows their keys
  }
  const scope = await scopeOf(url, extensions.only ?? []);
  const tools = parts.worker ? await openTools(url, extensions, talk) : undefined;
  const telemetry = await openTelemetry(url, config, { isServed: parts.api });
  const api = parts.api ? await openApi(url, config, parts, telemetry) : undefined;
  let worker: Worker | undefined;
  if (parts.worker) telemetry.readiness.watch(() => worker?.checks() ?? STARTING);
  try {
    const given = { ...extensions, scope, tools: tools?.all() ?? [] };
    worker = parts.worker ? await openWorker(url, config, telemetry, given) : undefined;
    if (worker) tools?.follow(worker);
    return {
      databaseUrl: url,
      isEmbedded,
      model: await defaultModelInWords(url),
      apiUrl: api?.url,
      inFlight: () => worker?.inFlight ?? 0,
      untilIdle: async (signal) => worker?.untilIdle(signal),
      close: async () => {
        tools?.close();
        telemetry.readiness.drain();
        api?.drain();
        const seen = api && extensions.drainSeconds ? delay(extensions.drainSeconds * 1_000) : null;
        await Promise.all([worker?.stop(), seen]);
        await api?.close();
        await telemetry.close();
      },
    };
  } catch (error) {
    await api?.close();
    await telemetry.close();
    throw error;
  }
}

async function scopeOf(url: string, terms: readonly ScopeTerm[]): Promise<WorkerScope | undefined> {
  const pool = createPool({ url, applicationName: 'howdah-start', max: 1 });
  return resolveScope(pool, terms).finally(() => pool.end());
}

async function defaultModelInWords(url: string): Promise<string> {
  const pool = createPool({ url, applicationName: 'howdah-start', max: 1 });
  return describeDefaultModel(queriesOn(pool)).finally(() => pool.end());
}

/** Starts the API, in a thread of its own when this thread runs a worker. */
async function openApi(
  url: string,
  config: Config,
  parts: { worker: boolean },
  { log, metrics }: Telemetry,
): Promise<Api> {
  if (!parts.worker) return serveApi(url, config, { log, metrics });
  const options = { url, config, terminal: terminalOf(process.stderr) };
  return startApiThread(options, { log, metrics });
}
