import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from '../workers/start-worker.ts';
import type { ApiServer, UnlistedApi } from './api/server.ts';
import { type LoadedThread, loadApiThread, startApiThread, whileThreadRuns } from './api-thread.ts';
import { runAll, settleAll } from './concurrency/run-all.ts';
import type { Config } from './config.ts';
import { createPool, type Queryable } from './db/connection/pool.ts';
import { waitForServer } from './db/connection/wait-for-server.ts';
import { startEmbedded } from './db/embedded/embedded.ts';
import { describeDefaultModel, queriesOn } from './db/queries/queries.ts';
import { migrateUp } from './db/schema/migrate.ts';
import {
  repeatReport,
  replaceEgressReport,
  replaceProviderReports,
} from './db/worker/provider-reports.ts';
import { resolveScope, type ScopeTerm, type WorkerScope } from './db/worker/worker-scope.ts';
import { parseHostPattern } from './network/host-pattern.ts';
import type { Extensions } from './open-worker.ts';
import { reportProviders } from './providers/report.ts';
import { openApiHere, type Serving, serveApi } from './serve-api.ts';
import type { Sink } from './telemetry/log.ts';
import { openTelemetry, terminalOf } from './telemetry.ts';
import { updateModels } from './update-models.ts';

export type { Extensions } from './open-worker.ts';
export { masterKeysOf } from './serve-api.ts';
export { openTelemetry } from './telemetry.ts';
export { updateModels } from './update-models.ts';

/**
 * The database of a process: the one that DATABASE_URL names, else the embedded one, which is
 * started if necessary.
 */
export type Database = { url: string; isEmbedded: boolean };

/** Finds or starts the database. `talk` receives a line for each action that takes time. */
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

/** Loads the packages of a worker while the database opens, then resolves as `opening` does. */
export async function loadWorkerAndAwait<T>(opening: Promise<T>): Promise<T> {
  opening.catch(() => {}); // awaited below
  await nextTurn(); // loading blocks this thread: initdb starts first
  await loadWorker();
  return opening;
}

const loadWorker = () => import('./open-worker.ts');

/**
 * Starts a worker with the providers of this environment. Its packages are loaded with the call.
 */
export async function loadAndOpenWorker(...worker: Parameters<OpenWorker>): Promise<Worker> {
  return (await loadWorker()).openWorker(...worker);
}
type OpenWorker = Awaited<ReturnType<typeof loadWorker>>['openWorker'];

const WAIT_SECONDS = 20;

/**
 * Opens the database as `openDatabase` does, and waits until it takes connections. A database of
 * DATABASE_URL may be started later than this process.
 */
export async function awaitDatabase(
  config: Config,
  talk: (line: string) => void,
  seconds: number = WAIT_SECONDS,
  signal?: AbortSignal,
): Promise<Database> {
  const database = await openDatabase(config, talk);
  if (!database.isEmbedded) await waitForServer(database.url, seconds, talk, signal);
  return database;
}

/**
 * Migrates the schema to the latest version. Returns the applied migrations. `db` is a connection
 * to this database, if the caller has one.
 */
export function migrateDatabase(url: string, db?: Queryable): Promise<string[]> {
  const migrate = async (queueUrl: string): Promise<void> => {
    const { migrateQueue } = await import('../workers/queue/migrate-queue.ts');
    await migrateQueue(queueUrl);
  };
  return migrateUp(url, migrate, { db });
}

/** The running parts of a Howdah. */
export type Instance = {
  /** The database that Howdah works on, as the owner's URL. */
  databaseUrl: string;
  isEmbedded: boolean;
  /** The description of the model for agents that name none. */
  model: string;
  /** The URL of the API, or undefined without an API. */
  apiUrl: string | undefined;
  /** The API without a port, if this process opened one. */
  unlistedApi: UnlistedApi | undefined;
  /** Returns the number of runs in this process. */
  inFlight(): number;
  /** Resolves when the worker has no runs and nothing is due any more, or when the signal fires. */
  untilIdle(signal: AbortSignal): Promise<void>;
  /** Drains the worker and the API, and closes both. An embedded Postgres continues to run. */
  close(): Promise<void>;
};

const STARTING = [{ name: 'presence', ok: false, reason: 'This worker is starting.' }];

/** The parts that a process opens. An API with `isUnlisted` has no port. */
export type OpenedParts = { api: boolean; worker: boolean; isUnlisted?: boolean };

/** The parts of a Howdah, with the thread of its API where it has one. */
type Parts = OpenedParts & { thread: LoadedThread | undefined };

/**
 * Opens the database, migrates it, and starts the requested parts. Closes everything again when a
 * part fails to start.
 */
export async function openHowdah(
  config: Config,
  parts: OpenedParts,
  talk: (line: string) => void,
  extensions: Extensions = {},
): Promise<Instance> {
  const giveUp = new AbortController(); // a pending wait would keep the process alive
  const signals = [giveUp.signal, extensions.signal].filter((one) => one !== undefined);
  const signal = AbortSignal.any(signals);
  const opening = awaitDatabase(config, talk, extensions.waitSeconds, signal);
  opening.catch(() => {}); // awaited below, unless the thread fails before
  let thread: LoadedThread | undefined;
  try {
    thread = parts.api && parts.worker && !parts.isUnlisted ? loadApiThread() : undefined;
    const ready = parts.worker ? loadWorkerAndAwait(opening) : opening;
    const { url, isEmbedded } = await (thread ? whileThreadRuns(thread, ready) : ready);
    const isNew = (await migrateDatabase(url)).includes(FIRST_MIGRATION);
    if (isNew) await offerAnalyst(url);
    return await openParts({ url, isEmbedded }, config, { ...parts, thread }, talk, extensions);
  } catch (error) {
    giveUp.abort();
    await thread?.worker.terminate();
    throw error;
  }
}

/** The migration that only a new installation applies. */
const FIRST_MIGRATION = '0001_roles_and_schemas';

/**
 * Creates the agent `analyst` in a new installation, which reads the tables of `public` that are
 * granted to agents. An installation that exists is left alone, because the name may be in use.
 */
async function offerAnalyst(url: string): Promise<void> {
  const pool = createPool({ url, applicationName: 'howdah-start', max: 1 });
  await pool.query('select from howdah.use_analyst()').finally(() => pool.end());
}

async function openParts(
  { url, isEmbedded }: Database,
  config: Config,
  parts: Parts,
  talk: (line: string) => void,
  extensions: Extensions,
): Promise<Instance> {
  await reportEnvironment(url, config, parts);
  if (parts.worker) {
    await updateModels(url, config, parts.api, talk); // whoever calls the models knows their keys
  }
  const scope = await scopeOf(url, extensions.only ?? []);
  const tools = parts.worker ? await loadAndOpenTools(url, extensions, talk) : undefined;
  const { logSink: sink, processKey } = extensions;
  const telemetry = await openTelemetry(url, config, { isServed: parts.api, sink });
  const tooling = { ownTools: extensions.tools ?? [], tools: tools?.all() ?? [] };
  const serving = { log: telemetry.log, metrics: telemetry.metrics, processKey, sink };
  const api = parts.api ? await openApi(url, config, parts, serving) : undefined;
  let worker: Worker | undefined;
  if (parts.worker) telemetry.readiness.watch(() => worker?.checks() ?? STARTING);
  try {
    worker = parts.worker
      ? await loadAndOpenWorker(url, config, telemetry, { ...extensions, scope, ...tooling })
      : undefined;
    if (worker) tools?.follow(worker);
    const stopReports = repeatReportOf(url, config, parts, telemetry);
    return {
      databaseUrl: url,
      isEmbedded,
      model: await defaultModelInWords(url),
      apiUrl: api && 'url' in api ? api.url : undefined,
      unlistedApi: api && 'connect' in api ? api : undefined,
      inFlight: () => worker?.inFlight ?? 0,
      untilIdle: async (signal) => worker?.untilIdle(signal),
      close: async () => {
        stopReports();
        tools?.close();
        telemetry.readiness.drain();
        api?.drain();
        const seen = api && extensions.drainSeconds ? sleep(extensions.drainSeconds * 1_000) : null;
        await runAll([
          () => settleAll([worker?.stop(), seen]),
          () => api?.close(),
          () => telemetry.close(),
        ]);
      },
    };
  } catch (error) {
    await api?.close();
    await telemetry.close();
    throw error;
  }
}

async function loadAndOpenTools(...tools: Parameters<OpenTools>): ReturnType<OpenTools> {
  return (await import('../workers/registered-tools.ts')).openTools(...tools);
}
type OpenTools = typeof import('../workers/registered-tools.ts').openTools;

/**
 * Reports which model providers this process can use, and which private addresses it may reach.
 * Models of other providers, and other private addresses of tenants, are refused.
 */
async function reportEnvironment(url: string, config: Config, { worker }: Parts): Promise<void> {
  const pool = createPool({ url, applicationName: 'howdah-start', role: 'howdah_worker', max: 1 });
  const reporter = worker ? 'worker' : 'api';
  const addresses = config.egressAllow.map(parseHostPattern).filter((one) => one !== null);
  try {
    await replaceProviderReports(pool, reporter, reportProviders(config));
    await replaceEgressReport(pool, reporter, addresses);
  } finally {
    await pool.end();
  }
}

function repeatReportOf(
  url: string,
  config: Config,
  parts: Parts,
  { log }: Pick<Awaited<ReturnType<typeof openTelemetry>>, 'log'>,
): () => void {
  const report = () => reportEnvironment(url, config, parts);
  return repeatReport(report, (err) => log.warn({ err }, 'the environment was not reported'));
}

async function scopeOf(url: string, terms: readonly ScopeTerm[]): Promise<WorkerScope | undefined> {
  const pool = createPool({ url, applicationName: 'howdah-start', max: 1 });
  return resolveScope(pool, terms).finally(() => pool.end());
}

async function defaultModelInWords(url: string): Promise<string> {
  const pool = createPool({ url, applicationName: 'howdah-start', max: 1 });
  return describeDefaultModel(queriesOn(pool)).finally(() => pool.end());
}

/**
 * Opens the API. An API with a port has a thread of its own when this thread runs a worker.
 */
async function openApi(
  url: string,
  config: Config,
  { thread, isUnlisted }: Parts,
  { sink, ...serving }: Serving & { sink: Sink | undefined },
): Promise<ApiServer | UnlistedApi> {
  if (isUnlisted) return openApiHere(url, config, serving);
  if (!thread) return serveApi(url, config, serving);
  const { processKey, ...telemetry } = serving;
  const options = { url, config, terminal: terminalOf(process.stderr), processKey };
  return startApiThread(options, { ...telemetry, sink }, thread);
}
