import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { ObserveRun } from '../../contracts/runs/run-observer.ts';
import type { TracingSettings } from '../../settings/telemetry-settings.ts';
import { Exporter } from './exporter.ts';
import { type EndedRun, runSpan } from './run-spans.ts';
import { RunTracer } from './run-tracer.ts';
import { contextOf, type TraceContext } from './traceparent.ts';

/** What the database tells of runs. */
export type TraceRows = {
  /** The `traceparent` in the metadata of a root run. */
  traceparentOf(rootId: string): Promise<string | null>;
  /** Those of the runs that have ended. */
  ended(ids: readonly string[]): Promise<EndedRun[]>;
  /** Runs that ended without a worker (cancelled, expired, poisoned), each told once, to one of those who ask. */
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
  /** Sends what there is now. */
  flush(): Promise<void>;
  /** Sends what is left, and no more after it. */
  close(): Promise<void>;
};

/** Of trees whose root was looked up. */
const MOST_KNOWN = 10_000;

/** Traces of the runs this process holds, sent as OTLP from time to time. */
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
    onDropped: (count, reason) => log.warn({ count, reason }, 'spans were not received'),
  });
  const known = new Map<string, Promise<TraceContext>>();
  let ended = new Set<string>();

  /** A root says it itself; of a child, its root is asked once. */
  const traceOf: (run: Parameters<ObserveRun>[0]) => TraceContext | Promise<TraceContext> = ({
    context,
    isChild,
  }) => {
    const { root_execution_id: root, metadata } = context;
    if (!isChild) return contextOf(root, metadata.traceparent, settings);
    const before = known.get(root);
    if (before) return before;
    const asked = rows.traceparentOf(root).then((given) => contextOf(root, given, settings));
    known.set(root, asked);
    asked.catch(() => known.delete(root));
    if (known.size > MOST_KNOWN) known.delete(known.keys().next().value as string);
    return asked;
  };

  const addRuns = (runs: readonly EndedRun[]): void => {
    for (const run of runs) {
      const trace = contextOf(run.root_execution_id, run.traceparent, settings);
      if (trace.isSampled) exporter.add(runSpan(run, trace));
    }
  };

  const untold = (error: unknown): void => {
    const { message: reason } = error as Error;
    log.warn({ reason }, 'ends of runs wait to be told to traces');
  };

  const flush = async (isLast = false): Promise<void> => {
    const ids = [...ended];
    ended = new Set();
    await (ids.length > 0 ? rows.ended(ids).then(addRuns) : undefined)?.catch((error) => {
      for (const id of ids) ended.add(id); // the next time
      untold(error);
    });
    await rows.endedElsewhere().then(addRuns).catch(untold);
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
