import type { IncomingHttpHeaders } from 'node:http';
import { parseTraceparent, traceparent } from '../../telemetry/traces/traceparent.ts';

/**
 * Metadata with the trace that whoever asks is in, unless they name one themselves. What is no `traceparent` is passed over, and
 * of one of a later version what is understood is kept, as the standard has it: the header may be long.
 */
export function withTraceparent(
  metadata: Readonly<Record<string, unknown>> | null | undefined,
  headers: IncomingHttpHeaders,
): Readonly<Record<string, unknown>> {
  const { traceId, parentId, isSampled } = parseTraceparent(headers.traceparent) ?? {};
  return traceId !== undefined && parentId !== undefined
    ? { traceparent: traceparent(traceId, parentId, isSampled), ...metadata }
    : (metadata ?? {});
}
