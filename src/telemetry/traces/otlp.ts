import type { SpanLink } from './traceparent.ts';

/** A value of an OpenTelemetry attribute. Attributes that are null or undefined are left out. */
export type AttributeValue = string | number | boolean | readonly string[] | null | undefined;
export type Attributes = Readonly<Record<string, AttributeValue>>;

export type Span = {
  traceId: string;
  spanId: string;
  parentId: string | undefined;
  name: string;
  /** `internal` for work of this process, `client` for a request to another one. */
  kind: 'internal' | 'client';
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  attributes: Attributes;
  /** The message of a failure. */
  error?: string | undefined;
  link?: SpanLink | undefined;
};

const KINDS = { internal: 1, client: 3 };
const ERROR = 2;
const SAMPLED = 1;

/** Builds the body of `POST /v1/traces` from spans: OTLP over HTTP, in JSON. */
export function otlpBody(spans: readonly Span[], resource: Attributes, version: string): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: keyValues(resource) },
        scopeSpans: [{ scope: { name: 'howdah', version }, spans: spans.map(otlpSpan) }],
      },
    ],
  });
}

function otlpSpan(span: Span): object {
  const { traceId, spanId, parentId, name, kind, from, to, attributes, error, link } = span;
  return {
    traceId,
    spanId,
    ...(parentId === undefined ? {} : { parentSpanId: parentId }),
    flags: SAMPLED,
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanos(from),
    endTimeUnixNano: nanos(Math.max(from, to)),
    attributes: keyValues(attributes),
    ...(link === undefined ? {} : { links: [link] }),
    ...(error === undefined ? {} : { status: { code: ERROR, message: error } }),
  };
}

/**
 * Converts milliseconds to nanoseconds with microsecond precision, because a double has no room for
 * nanoseconds since 1970.
 */
function nanos(ms: number): string {
  return `${Math.round(ms * 1000)}000`;
}

function keyValues(attributes: Attributes): object[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === null || value === undefined ? [] : [{ key, value: anyValue(value) }],
  );
}

function anyValue(value: Exclude<AttributeValue, null | undefined>): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') {
    return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
  return { arrayValue: { values: value.map((one) => ({ stringValue: one })) } };
}
