import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { ObserveRun } from '../../contracts/runs/run-observer.ts';
import type { TracingSettings } from '../../settings/telemetry-settings.ts';
import { Exporter } from './exporter.ts';
import { type EndedRun, runSpan } from './run-spans.ts';
import { RunTracer } from './run-tracer.ts';
import { contextOf, type TraceContext } from './traceparent.ts';

/** The queries about runs that tracing needs. */
export type TraceRows = {
  /** Returns the `traceparent` in the metadata of a root run. */
  traceparentOf(rootId: string): Promise<string | null>;
  /** Returns the rows of those runs that have ended. */
  ended(ids: readonly string[]): Promise<EndedRun[]>;
  /**
   * Returns runs that ended without a worker (cancelled, expired, poisoned). Each run is returned
   * once, to one of the callers.
   */
  endedElsewhere(): Promise<EndedRun[]>;
};

export type TracingOptions = {
  settings: TracingSettings;
  rows: TraceRows;
  version: string;
  log: Logger;
};

export type Tracing = {
  observeRun: ObserveRun;
  /** Sends all spans so far. */
  flush(): Promise<void>;
  /** Sends the remaining spans and stops. */
  close(): Promise<void>;
};

/** Most trees whose trace is cached. */
const MOST_KNOWN = 10_000;

/** Creates the tracing of the runs of this process. Spans are sent as OTLP at intervals. */
export function createTracing({ settings, rows, version, log }: TracingOptions): Tracing {
  const { capturesContent, delayMs } = settings;
  const exporter = new Exporter({
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
  });
  const known = new Map<string, Promise<TraceContext>>();
  let ended = new Set<string>();

  /**
   * Returns the trace of a run. The metadata of a root contain the `traceparent`; for a child, the
   * root is looked up once.
   */
  const traceOf: (run: Parameters<ObserveRun>[0]) => TraceContext | Promise<TraceContext> = ({
    context,
    isChild,
  }) => {
    const { root_execution_id: root, metadata } = context;
    if (!isChild) return contextOf(root, metadata.traceparent, settings);
    const before = known.get(root);
    if (before) return before;
    const trace = rows.traceparentOf(root).then((header) => contextOf(root, header, settings));
    known.set(root, trace);
    trace.catch(() => known.delete(root));
    if (known.size > MOST_KNOWN) known.delete(known.keys().next().value as string);
    return trace;
  };

  const addRuns = (runs: readonly EndedRun[]): void => {
    for (const run of runs) {
      const trace = contextOf(run.root_execution_id, run.traceparent, settings);
      if (trace.isSampled) exporter.add(runSpan(run, trace));
    }
  };

  const warnOfDelay = (error: unknown): void => {
    const { message: reason } = error as Error;
    log.warn({ reason }, 'the ends of some runs are not in the traces yet');
  };

  const flush = async (isLast = false): Promise<void> => {
    const ids = [...ended];
    ended = new Set();
    await (ids.length > 0 ? rows.ended(ids).then(addRuns) : undefined)?.catch((error) => {
      for (const id of ids) ended.add(id); // retried at the next flush
      warnOfDelay(error);
    });
    await rows.endedElsewhere().then(addRuns).catch(warnOfDelay);
    await exporter.flush(isLast);
  };

  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  let underWay: Promise<void> = Promise.resolve();
  const plan = (): void => {
    timer = setTimeout(() => {
      underWay = flush().finally(() => isOver || plan());
    }, delayMs).unref();
  };
  plan();

  return {
    async observeRun(run) {
      const trace = await Promise.resolve(traceOf(run)).catch(() => undefined);
      if (!trace?.isSampled) return undefined;
      return new RunTracer({
        ...{ run, trace, capturesContent },
        add: (span) => exporter.add(span),
        ended: (id) => void ended.add(id),
      });
    },
    flush: () => flush(),
    async close() {
      isOver = true;
      clearTimeout(timer);
      await underWay;
      await flush(true);
    },
  };
}
