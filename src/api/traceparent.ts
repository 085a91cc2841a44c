import type { IncomingHttpHeaders } from 'node:http';
import { parseTraceparent } from '../telemetry/traces/traceparent.ts';

/** Metadata with the trace that whoever asks is in, unless they name one themselves. What is no `traceparent` is passed over. */
export function withTraceparent(
  metadata: Readonly<Record<string, unknown>> | null | undefined,
  { traceparent }: IncomingHttpHeaders,
): Readonly<Record<string, unknown>> {
  return typeof traceparent === 'string' && parseTraceparent(traceparent)
    ? { traceparent: traceparent.trim(), ...metadata }
    : (metadata ?? {});
}
