import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { ApiServer } from './api/server.ts';
import { moduleBeside } from './concurrency/thread-pool.ts';
import { type Config, programEnvironment } from './config.ts';
import { HowdahError } from './contracts/errors.ts';
import type { Json } from './json/json.ts';
import type { Sink } from './telemetry/log.ts';
import type { ApiMetrics, CountedPool } from './telemetry/metrics.ts';
import type { Terminal } from './telemetry.ts';

// In a process that is both worker and API, the API has a thread of its own. A request that keeps
// the API's event loop busy delays no heartbeat, and a custom tool that computes delays no request.
// The two threads share nothing but the database and the messages below. The API learns of runs and
// tokens by LISTEN, as if it were another process.

export type ApiThreadOptions = {
  url: string;
  config: Config;
  terminal: Terminal;
  /** The key with which this process logs in to the API. */
  processKey?: Uint8Array | undefined;
  /** The URL of the thread's program; tests set their own. */
  program?: string;
};
/** Options of the thread; `metricsType` is the content type of metrics, if there are any. */
export type ApiThreadData = ApiThreadOptions & {
  metricsType: string | undefined;
  /** True if the thread sends the lines of its log to the process. */
  sendsLog: boolean;
};

/** A command of the process to the thread. */
export type ApiCommand =
  | { do: 'start'; data: ApiThreadData }
  | { do: 'drain' | 'close' }
  | { do: 'show_metrics'; id: number; text: string | undefined };

export type CountedPools = Record<string, CountedPool>;
export type ReplicaState = { trouble: string | undefined; lag: number | undefined };

/** A report of the thread to the process. */
export type ApiReport =
  | { is: 'ready'; url: string; port: number }
  | { is: 'failed'; error: SerializedError }
  | { is: 'closed' }
  | { is: 'counted'; request: Parameters<ApiMetrics['countRequest']> }
  | { is: 'counted'; read: Parameters<ApiMetrics['countRead']> }
  | { is: 'state'; pools: CountedPools; replica: ReplicaState | undefined }
  | { is: 'metrics_requested'; id: number }
  | { is: 'logged'; line: string };

/** The telemetry of the process. Lines of the log go to `sink` if there is one, else to stderr. */
type ThreadTelemetry = {
  log: Logger;
  metrics: ApiMetrics | undefined;
  sink?: Sink | undefined;
};

export type SerializedError = {
  code?: string;
  message: string;
  hint?: string | undefined;
  detail?: Json | undefined;
  isOurs: boolean;
};

const PROGRAM = moduleBeside('./api-thread-program.ts', import.meta.url);
const RESTART_MS = 1_000;
/**
 * The longest wait for a thread to close. It exceeds the longest answer under way, so a thread that
 * is still open hangs.
 */
const CLOSE_MS = 30_000;

/**
 * Starts the API in a thread. Rejects as `startApi` does. A thread that ends by itself (an uncaught
 * error, no memory) is restarted on the same port, and the log gives the reason. The runs of this
 * process continue meanwhile.
 */
export async function startApiThread(
  options: ApiThreadOptions,
  { log, metrics, sink }: ThreadTelemetry,
  loaded: LoadedThread = loadApiThread(options.program),
): Promise<ApiServer> {
  const closing = new AbortController();
  let thread: ApiThread;
  /** The replacement of a thread that ended. */
  let next: LoadedThread | undefined;
  /** Resolves when the restart is over. */
  let restarted: Promise<void> | undefined;

  const start = async (port: number, from: LoadedThread): Promise<ApiThread> => {
    const config = { ...options.config, port };
    const data = {
      ...{ ...options, config },
      ...{ metricsType: metrics?.contentType, sendsLog: sink !== undefined },
    };
    const started = await startThread(from, data, metrics, sink);
    void started.ended.then((reason) => {
      if (!closing.signal.aborted) restarted = restart(reason);
    });
    return started;
  };
  const restart = async (reason: Error): Promise<void> => {
    log.error({ err: reason }, 'the API thread ended and is restarted');
    for (;;) {
      await sleep(RESTART_MS, undefined, closing).catch(() => {});
      if (closing.signal.aborted) return;
      try {
        next = loadApiThread(options.program);
        thread = await start(thread.port, next);
        return;
      } catch (err) {
        if (closing.signal.aborted) return;
        log.error({ err }, 'the API thread could not be restarted; retrying in one second');
      }
    }
  };

  thread = await start(options.config.port, loaded);
  return {
    url: thread.url,
    port: thread.port,
    drain: () => thread.send({ do: 'drain' }),
    async close() {
      closing.abort();
      await thread.close();
      await next?.worker.terminate(); // it may be ready, or still loading
      await restarted;
    },
  };
}

type ApiThread = {
  url: string;
  port: number;
  /** Resolves with the reason when the thread has ended. */
  ended: Promise<Error>;
  send(command: ApiCommand): void;
  close(): Promise<void>;
};

/** A thread that has loaded the API, or is loading it. */
export type LoadedThread = {
  worker: Worker;
  /** Resolves with the reason when the thread has ended. */
  ended: Promise<Error>;
};

/**
 * Starts a thread that loads the packages of the API and waits for `startApiThread`. Loading takes
 * a second of CPU, which a process that starts can spend while the database starts.
 */
export function loadApiThread(program: string = PROGRAM): LoadedThread {
  const worker = new Worker(new URL(program), { execArgv: [], env: programEnvironment() });
  const { promise: ended, resolve: end } = Promise.withResolvers<Error>();
  worker.on('error', end);
  worker.on('exit', (code) => end(new Error(`the API thread ended with exit code ${code}`)));
  return { worker, ended };
}

/** Resolves as `work` does. Rejects with the reason when the thread ends first. */
export function whileThreadRuns<T>({ ended }: LoadedThread, work: Promise<T>): Promise<T> {
  return Promise.race([work, ended.then((reason) => Promise.reject(reason))]);
}

function startThread(
  { worker, ended }: LoadedThread,
  data: ApiThreadData,
  metrics: ApiMetrics | undefined,
  sink: Sink | undefined,
): Promise<ApiThread> {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  void ended.then(() => close());
  const send = (message: ApiCommand): void => worker.postMessage(message);
  const relay = relayTo(metrics, send);
  return new Promise((resolve, reject) => {
    void ended.then(reject);
    worker.on('message', (report: ApiReport) => {
      switch (report.is) {
        case 'ready':
          return resolve({
            url: report.url,
            port: report.port,
            ended,
            send,
            async close() {
              send({ do: 'close' });
              const timeout = new AbortController();
              await Promise.race([closed, sleep(CLOSE_MS, null, timeout).catch(() => {})]);
              timeout.abort();
              await worker.terminate();
            },
          });
        case 'failed':
          reject(deserializeError(report.error));
          return void worker.terminate();
        case 'closed':
          return close();
        case 'logged':
          return void sink?.write(report.line);
        default:
          relay(report);
      }
    });
    send({ do: 'start', data });
  });
}

/** Returns a function that adds what the thread reports to the metrics of the process. */
function relayTo(metrics: ApiMetrics | undefined, send: (message: ApiCommand) => void) {
  let replica: ReplicaState | undefined;
  const pools = new Map<string, CountedPool>();
  return (report: ApiReport): void => {
    if (report.is === 'counted' && 'request' in report) metrics?.countRequest(...report.request);
    else if (report.is === 'counted') metrics?.countRead(...report.read);
    else if (report.is === 'metrics_requested') {
      const show = (text: string | undefined) => send({ do: 'show_metrics', id: report.id, text });
      void metrics?.text().then(show, () => show(undefined));
    } else if (report.is === 'state') {
      for (const [name, pool] of Object.entries(report.pools)) {
        pools.set(name, pool);
        metrics?.watchPool(name, () => pools.get(name) ?? pool);
      }
      replica = report.replica;
      if (replica) {
        metrics?.watchReplica({
          get trouble() {
            return replica?.trouble;
          },
          get lag() {
            return replica?.lag;
          },
        });
      }
    }
  };
}

/** Converts an error to plain data, which can be sent to another thread. */
export function serializeError(error: unknown): SerializedError {
  const { code, message = String(error) } = (error ?? {}) as { code?: string; message?: string };
  const ours = error instanceof HowdahError ? error : undefined;
  return {
    message,
    ...(typeof code === 'string' ? { code } : {}),
    hint: ours?.hint,
    detail: ours?.detail,
    isOurs: ours !== undefined,
  };
}

function deserializeError({ code = '', message, hint, detail, isOurs }: SerializedError): Error {
  return isOurs
    ? new HowdahError(code, message, { hint, detail })
    : Object.assign(new Error(message), code === '' ? {} : { code });
}
