import { randomBytes } from 'node:crypto';
import type { TracingSettings } from '../../settings/telemetry-settings.ts';

/** Where spans hang: a trace, and the span above them. Ids are lower-case hex, as W3C Trace Context has them. */
export type TraceContext = {
  traceId: string;
  parentId: string | undefined;
  isSampled: boolean;
  /** A span elsewhere that this has to do with and does not hang below. */
  link?: SpanLink | undefined;
};
export type SpanLink = { traceId: string; spanId: string };

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/** What a header `traceparent` says; undefined for anything else. Later versions may say more behind it. */
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
 * The trace of a tree of runs: the one whoever began it was in, else one that has the id of the tree's root, so that every
 * worker knows it without asking and a person finds it from the row. Where callers are not trusted with that, always the latter,
 * with a link to the former.
 */
export function contextOf(
  rootId: string,
  given: unknown,
  { share, followsParent, linksCallers }: TraceSettings,
): TraceContext {
  const parent = parseTraceparent(given);
  if (linksCallers && parent?.parentId !== undefined) {
    const link = { traceId: parent.traceId, spanId: parent.parentId };
    return { ...contextOf(rootId, undefined, { share, followsParent }), link };
  }
  const traceId = parent?.traceId ?? rootId.replaceAll('-', '');
  const isSampled = parent && followsParent ? parent.isSampled : isKept(traceId, share);
  return { traceId, parentId: parent?.parentId, isSampled };
}

/** By the last 56 bits, which are random in every trace id: whoever asks, the answer for a trace is the same. */
function isKept(traceId: string, share: number): boolean {
  return Number.parseInt(traceId.slice(-14), 16) < share * 2 ** 56;
}

/** The span of a run: the last half of its id, which is random, so that children know it. */
export function spanOf(executionId: string): string {
  return executionId.replaceAll('-', '').slice(16);
}

export function newSpanId(): string {
  return randomBytes(8).toString('hex');
}
