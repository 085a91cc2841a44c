import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { WorkerOptions } from '../workers/worker-options.ts';
import type { Config } from './config.ts';
import { MAX_CONNECTIONS } from './db/connection/connection-limits.ts';
import { createPool, onConnection } from './db/connection/pool.ts';
import { saysConnectionLoss } from './db/connection/sqlstate.ts';
import { figuresOn } from './db/operations/metric-queries.ts';
import { traceRowsOn } from './db/operations/trace-queries.ts';
import { presenceOfSchema } from './db/schema/readiness.ts';
import { releaseVersion } from './package-root.ts';
import type { TracingSettings } from './settings/telemetry-settings.ts';
import { createLog, type Sink } from './telemetry/log.ts';
import { createLogRedaction } from './telemetry/log-redaction.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { combineObservers } from './telemetry/observers.ts';
import type { Outages } from './telemetry/outage-lines.ts';
import { createReadiness, type Readiness } from './telemetry/readiness.ts';
import { logRuns } from './telemetry/run-log.ts';
import type { EndedRun } from './telemetry/traces/run-spans.ts';

const { any: MOST } = MAX_CONNECTIONS;

/**
 * The telemetry of a process: logs always, metrics where they can be read, and traces where the
 * environment enables them.
 */
export type Telemetry = {
  log: Logger;
  metrics: Metrics | undefined;
  /** The readiness of the process, as its own port reports it. The API has its own readiness. */
  readiness: Readiness;
  forWorker: Pick<WorkerOptions, 'log' | 'observe' | 'metrics' | 'onSecret'>;
  /** Sends pending data and closes the port of metrics. */
  close(): Promise<void>;
};

/**
 * Opens the telemetry of a process. Metrics are counted only where they are served: by the API, or
 * on a port of their own.
 */
export async function openTelemetry(
  url: string,
  config: Config,
  { isServed = false, sink }: { isServed?: boolean; sink?: Sink | undefined } = {},
): Promise<Telemetry> {
  const { log, redaction } = openLog(url, config, terminalOf(process.stderr), sink);
  const readiness = createReadiness((err) => log.warn({ err }, 'not ready'));
  const { metricsPort } = config;
  const counted =
    isServed || metricsPort !== undefined
      ? await openMetrics(url, config, log, readiness)
      : undefined;
  const traced = config.tracing && (await openTracing(url, config.tracing, log));
  return {
    log,
    metrics: counted?.metrics,
    readiness,
    forWorker: {
      log,
      observe: combineObservers([logRuns(log), counted?.metrics.observeRun, traced?.observeRun]),
      metrics: counted?.metrics,
      onSecret: redaction.learn,
    },
    async close() {
      await traced?.close();
      await counted?.close();
    },
  };
}

/** The format of log lines, which a thread cannot find out by itself. */
export type Terminal = { isTty: boolean; isColoured: boolean };

export function terminalOf(stream: typeof process.stderr): Terminal {
  const isTty = stream.isTTY === true;
  return { isTty, isColoured: isTty && stream.hasColors() };
}

/**
 * Opens the log of a process or thread, which redacts its secrets. Lines go to stderr, or as JSON
 * to `sink`.
 */
export function openLog(url: string, config: Config, terminal: Terminal, sink?: Sink) {
  const redaction = createLogRedaction(secretsOf(url, config));
  const options = {
    ...config,
    ...terminal,
    redaction,
    ...(sink && { logFormat: 'json' as const }),
    outages: outagesOf(url),
  };
  return { redaction, log: createLog(options, sink) };
}

/** Tells whether a database is away. Each probe makes a connection of its own. */
function outagesOf(url: string): Outages {
  return {
    isOutage: saysConnectionLoss,
    probe: () =>
      onConnection({ url, applicationName: 'howdah-log' }, (client) => client.query('select 1')),
    wait: () => setTimeout(2_000, undefined, { ref: false }),
  };
}

/** Loads and opens metrics. Their packages are loaded here, only by processes with metrics. */
async function openMetrics(url: string, config: Config, log: Logger, readiness: Readiness) {
  const { createMetrics } = await import('./telemetry/metrics.ts');
  const pool = createPool({
    ...{ url, applicationName: 'howdah-metrics', max: MOST.metrics, answerWithinMs: 10_000 },
    role: 'howdah_worker',
    settings: { statement_timeout: '8s', jit: 'off' },
  });
  const metrics = createMetrics(figuresOn(pool));
  readiness.watch(presenceOfSchema(pool));
  metrics.watchPool('metrics', () => pool);
  const { metricsPort: port } = config;
  const server =
    port === undefined ? undefined : await serve({ ...config, metrics, readiness, port });
  if (server) log.info({ url: server.url }, 'metrics are served');
  return {
    metrics,
    async close() {
      await server?.close();
      await pool.end();
    },
  };
}

/** Loads and opens traces. Their packages are loaded here, only by processes with traces. */
async function openTracing(url: string, settings: TracingSettings, log: Logger) {
  const { Tracing } = await import('./telemetry/traces/tracing.ts');
  const pool = createPool({
    ...{ url, applicationName: 'howdah-traces', max: MOST.traces, answerWithinMs: 10_000 },
    role: 'howdah_worker',
    settings: { statement_timeout: '8s', jit: 'off' },
  });
  const rows = traceRowsOn<EndedRun>(pool);
  const tracing = new Tracing({ settings, rows, version: releaseVersion(), log });
  return {
    observeRun: tracing.observeRun,
    async close() {
      await tracing.close();
      await pool.end();
    },
  };
}

async function serve(
  options: Pick<Config, 'host' | 'auth' | 'metricsToken'> & {
    metrics: Metrics;
    readiness: Readiness;
    port: number;
  },
) {
  const { startMetricsServer } = await import('./api/health/metrics-server.ts');
  return startMetricsServer(options);
}

/**
 * Returns the secrets that no line of the log may contain: all that this process received as a
 * secret.
 */
function secretsOf(url: string, config: Config): (string | undefined)[] {
  const { password } = new URL(url);
  return [
    password === '' ? undefined : decodeURIComponent(password),
    config.jwtSecret,
    config.oidc?.clientSecret,
    config.metricsToken,
    config.defaultModel.apiKey,
    ...Object.values(config.models.keys).map(({ value }) => value),
    ...config.models.others.map(({ key }) => key?.value),
    config.apiKey,
    ...config.secretKeys.flatMap((key) => [key.toString('base64'), key.toString('hex')]),
    ...Object.values(config.tracing?.headers ?? {}),
  ];
}
