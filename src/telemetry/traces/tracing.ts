import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { ObservedRun, ObserveRun } from '../../contracts/runs/run-observer.ts';
import type { TracingSettings } from '../../settings/telemetry-settings.ts';
import { Exporter, type ExporterOptions } from './exporter.ts';
import { type EndedRun, runSpan } from './run-spans.ts';
import { RunTracer } from './run-tracer.ts';
import { type TraceContext, traceContextOf } from './traceparent.ts';

/** The queries about runs that tracing needs. */
export type TraceRows = {
  /** Returns the `traceparent` in the metadata of a root run. */
  traceparentOf(rootId: string): Promise<string | null>;
  /** Returns the rows of those runs that have ended. */
  readEndedRuns(ids: readonly string[]): Promise<EndedRun[]>;
  /**
   * Returns runs that ended without a worker (cancelled, expired, poisoned). Each run is returned
   * once, to one of the callers.
   */
  readRunsEndedElsewhere(): Promise<EndedRun[]>;
};

export type TracingOptions = {
  settings: TracingSettings;
  rows: TraceRows;
  version: string;
  log: Logger;
};

/** Most trees whose trace is cached. */
const MAX_TRACES = 10_000;

/** Traces the runs of this process. Spans are sent as OTLP at intervals. */
export class Tracing {
  readonly #options: TracingOptions;
  readonly #exporter: Exporter;
  readonly #traces: RunTraces;
  #endedRuns = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #timedFlush: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: TracingOptions) {
    this.#options = options;
    this.#exporter = new Exporter(exporterOptions(options));
    this.#traces = new RunTraces(options);
    this.#scheduleFlush();
  }

  readonly observeRun: ObserveRun = async (run) => {
    const trace = await Promise.resolve(this.#traces.of(run)).catch(() => undefined);
    if (!trace?.isSampled) return undefined;
    return new RunTracer({
      ...{ run, trace, capturesContent: this.#options.settings.capturesContent },
      add: (span) => this.#exporter.add(span),
      onEnd: (id) => void this.#endedRuns.add(id),
    });
  };

  /** Sends all spans so far. */
  flush(): Promise<void> {
    return this.#flush(false);
  }

  /** Sends the remaining spans and stops. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#timedFlush;
    await this.#flush(true);
  }

  #scheduleFlush(): void {
    this.#timer = setTimeout(() => {
      this.#timedFlush = this.#flush(false).finally(() => this.#isClosed || this.#scheduleFlush());
    }, this.#options.settings.delayMs).unref();
  }

  async #flush(isLast: boolean): Promise<void> {
    const { rows } = this.#options;
    const addRuns = (runs: readonly EndedRun[]) => this.#addRuns(runs);
    const warn = (error: unknown) => this.#warnOfDelay(error);
    const ids = [...this.#endedRuns];
    this.#endedRuns = new Set();
    await (ids.length > 0 ? rows.readEndedRuns(ids).then(addRuns) : undefined)?.catch((error) => {
      for (const id of ids) this.#endedRuns.add(id); // retried at the next flush
      warn(error);
    });
    await rows.readRunsEndedElsewhere().then(addRuns).catch(warn);
    await this.#exporter.flush(isLast);
  }

  #addRuns(runs: readonly EndedRun[]): void {
    for (const run of runs) {
      const trace = traceContextOf(run.root_execution_id, run.traceparent, this.#options.settings);
      if (trace.isSampled) this.#exporter.add(runSpan(run, trace));
    }
  }

  #warnOfDelay(error: unknown): void {
    const { message: reason } = error as Error;
    this.#options.log.warn({ reason }, 'the ends of some runs are not in the traces yet');
  }
}

/**
 * The traces of runs. The metadata of a root contain the `traceparent`; for the children of a root,
 * the root is read once.
 */
class RunTraces {
  readonly #options: Pick<TracingOptions, 'rows' | 'settings'>;
  readonly #cached = new Map<string, Promise<TraceContext>>();

  constructor(options: Pick<TracingOptions, 'rows' | 'settings'>) {
    this.#options = options;
  }

  of({ context, isChild }: ObservedRun): TraceContext | Promise<TraceContext> {
    const { root_execution_id: root, metadata } = context;
    const { settings } = this.#options;
    if (!isChild) return traceContextOf(root, metadata.traceparent, settings);
    return this.#cached.get(root) ?? this.#load(root);
  }

  #load(root: string): Promise<TraceContext> {
    const { rows, settings } = this.#options;
    const cached = this.#cached;
    const trace = rows.traceparentOf(root).then((header) => traceContextOf(root, header, settings));
    cached.set(root, trace);
    trace.catch(() => cached.delete(root));
    if (cached.size > MAX_TRACES) cached.delete(cached.keys().next().value as string);
    return trace;
  }
}

function exporterOptions({ settings, version, log }: TracingOptions): ExporterOptions {
  return {
    ...settings,
    version,
    resource: {
      'service.version': version,
      'service.instance.id': randomUUID(),
      'host.name': hostname(),
      'process.pid': process.pid,
      'telemetry.sdk.name': 'howdah',
      'telemetry.sdk.language': 'nodejs',
      'telemetry.sdk.version': version,
      ...settings.resource,
    },
    onDropped: (count, reason) => log.warn({ count, reason }, 'spans could not be sent'),
  };
}
