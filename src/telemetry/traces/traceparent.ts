import { randomBytes } from 'node:crypto';
import type { TracingSettings } from '../../settings/telemetry-settings.ts';

/** The trace of a span, and its parent span. Ids are lower-case hex, as in W3C Trace Context. */
export type TraceContext = {
  traceId: string;
  parentId: string | undefined;
  isSampled: boolean;
  /** A span in another trace that is related and is not the parent. */
  link?: SpanLink | undefined;
};
export type SpanLink = { traceId: string; spanId: string };

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/**
 * Parses a `traceparent` header. Returns undefined for any other text. Later versions may append
 * fields, which are ignored.
 */
export function parseTraceparent(text: unknown): TraceContext | undefined {
  const [, version, traceId = '', parentId = '', flags = '', more] =
    (typeof text === 'string' && TRACEPARENT.exec(text.trim())) || [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) {
    return undefined;
  }
  const isNothing = /^0+$/.test(traceId) || /^0+$/.test(parentId);
  return isNothing
    ? undefined
    : { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function traceparent(traceId: string, spanId: string, isSampled = true): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}

type TraceSettings = Pick<TracingSettings, 'share' | 'followsParent'> &
  Partial<Pick<TracingSettings, 'linksCallers'>>;

/**
 * Returns the trace of a tree of runs. The trace is the one of the caller, if there is one.
 * Otherwise its id is the id of the tree's root, so that every worker knows it without a query and
 * a person finds it from the row. With `linksCallers` callers are not trusted: the trace is always
 * the one of the root, with a link to the caller's span.
 */
export function traceContextOf(
  rootId: string,
  header: unknown,
  { share, followsParent, linksCallers }: TraceSettings,
): TraceContext {
  const parent = parseTraceparent(header);
  if (linksCallers && parent?.parentId !== undefined) {
    const link = { traceId: parent.traceId, spanId: parent.parentId };
    return { ...traceContextOf(rootId, undefined, { share, followsParent }), link };
  }
  const traceId = parent?.traceId ?? rootId.replaceAll('-', '');
  const isSampled = parent && followsParent ? parent.isSampled : isSampledId(traceId, share);
  return { traceId, parentId: parent?.parentId, isSampled };
}

/**
 * Samples by the last 56 bits, which are random in every trace id. All processes decide the same
 * for one trace.
 */
function isSampledId(traceId: string, share: number): boolean {
  return Number.parseInt(traceId.slice(-14), 16) < share * 2 ** 56;
}

/**
 * Returns the span id of a run: the last half of the run's id, which is random. Children compute it
 * too.
 */
export function spanOf(executionId: string): string {
  return executionId.replaceAll('-', '').slice(16);
}

export function newSpanId(): string {
  return randomBytes(8).toString('hex');
}
