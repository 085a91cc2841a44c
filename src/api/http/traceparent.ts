import type { IncomingHttpHeaders } from 'node:http';
import { parseTraceparent, traceparent } from '../../telemetry/traces/traceparent.ts';

/**
 * Adds the trace of the caller to the metadata, unless the metadata names a trace. An invalid
 * `traceparent` is ignored. Of a `traceparent` of a later version, only the known part is kept, as
 * the standard demands, because the header may be long.
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
