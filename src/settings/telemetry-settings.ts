import { z } from 'zod';
import { decodePercent } from '../text/decode-percent.ts';
import { wholeNumber } from './parse-variables.ts';

const logLevels = z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']);

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

const httpUrl = z.url({ protocol: /^https?$/ }).optional();
const flag = z
  .enum(['true', 'false', 'TRUE', 'FALSE', 'True', 'False'])
  .default('false')
  .transform((text) => text.toLowerCase() === 'true');
/** Pairs `key=value,key=value` with percent-encoded values, as in W3C baggage. */
const pairs = z
  .string()
  .default('')
  .transform((text, context) => {
    const found: Record<string, string> = {};
    for (const entry of text.split(',').filter((one) => one.trim() !== '')) {
      const [name = '', ...rest] = entry.split('=');
      const value = decodePercent(rest.join('=').trim());
      if (name.trim() === '' || rest.length === 0 || value === undefined) {
        context.addIssue('not key=value');
        return z.NEVER;
      }
      found[name.trim()] = value;
    }
    return found;
  });
const http = z.enum(['http/json']).optional();

const PAIRS = 'a comma-separated list of key=value, such as api-key=…,x-team=support';
const PROTOCOL = 'http/json, or unset it: traces are sent as OTLP over HTTP in JSON';

/** Variables of logs, metrics and traces; those of traces are OpenTelemetry's own. */
export const telemetryVariables = {
  HOWDAH_LOG_LEVEL: [logLevels.default('info'), `one of ${logLevels.options.join(', ')}`],
  HOWDAH_LOG_FORMAT: [z.enum(['json', 'pretty']).optional(), 'json or pretty'],
  HOWDAH_METRICS_PORT: [wholeNumber(0, 65_535).optional(), 'a port number from 0 to 65535'],
  HOWDAH_METRICS_TOKEN: [
    z.string().min(16).optional(),
    'at least 16 random characters, such as the output of: openssl rand -hex 24',
  ],
  OTEL_SDK_DISABLED: [flag, 'true or false'],
  OTEL_TRACES_EXPORTER: [z.enum(['otlp', 'none']).default('otlp'), 'otlp or none'],
  OTEL_EXPORTER_OTLP_ENDPOINT: [httpUrl, 'an http or https URL, such as http://localhost:4318'],
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: [
    httpUrl,
    'an http or https URL, such as http://localhost:4318/v1/traces',
  ],
  OTEL_EXPORTER_OTLP_PROTOCOL: [http, PROTOCOL],
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: [http, PROTOCOL],
  OTEL_EXPORTER_OTLP_HEADERS: [pairs, PAIRS],
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: [pairs, PAIRS],
  OTEL_EXPORTER_OTLP_TIMEOUT: [wholeNumber(1, 600_000).default(10_000), 'milliseconds'],
  OTEL_BSP_SCHEDULE_DELAY: [wholeNumber(0, 600_000).default(5_000), 'milliseconds'],
  OTEL_SERVICE_NAME: [z.string().default('howdah'), 'a name'],
  OTEL_RESOURCE_ATTRIBUTES: [pairs, PAIRS],
  OTEL_TRACES_SAMPLER: [
    z.enum(SAMPLERS).default('parentbased_always_on'),
    `one of ${SAMPLERS.join(', ')}`,
  ],
  OTEL_TRACES_SAMPLER_ARG: [
    z.coerce.number().min(0).max(1).default(1),
    'a number from 0 to 1: the share of traces that are kept',
  ],
  OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: [flag, 'true or false'],
  HOWDAH_TRACEPARENT: [z.enum(['join', 'link']).default('join'), 'join or link'],
} as const satisfies Record<string, readonly [z.ZodType, string]>;

type Values = {
  [N in keyof typeof telemetryVariables]: z.infer<(typeof telemetryVariables)[N][0]>;
};

/**
 * The destination and the sampling of traces. `headers` may hold a key, so they must not be logged.
 */
export type TracingSettings = Readonly<{
  url: string;
  headers: Readonly<Record<string, string>>;
  timeoutMs: number;
  /** The time for which spans are collected before they are sent together. */
  delayMs: number;
  /** The attributes of the process, in OpenTelemetry's words. */
  resource: Readonly<Record<string, string>>;
  /**
   * The share of kept traces among the traces that begin here. With `followsParent`, a trace that
   * began elsewhere is kept if it is kept there.
   */
  share: number;
  followsParent: boolean;
  /**
   * True if a trace that began elsewhere is not continued. Runs then have their own traces, with a
   * link to that trace.
   */
  linksCallers: boolean;
  /** True if texts of models and tools are included. */
  capturesContent: boolean;
}>;

/** The settings of the environment for logs, metrics and traces. */
export type TelemetrySettings = Readonly<{
  logLevel: z.infer<typeof logLevels>;
  /** The format of the log; undefined means pretty if a person reads the log. */
  logFormat: 'json' | 'pretty' | undefined;
  /** A port for metrics alone; undefined means only the port of the API. */
  metricsPort: number | undefined;
  /** The token that a reader of metrics must send. It must not be logged. */
  metricsToken: string | undefined;
  /** The settings of traces; undefined for no traces. */
  tracing: TracingSettings | undefined;
}>;

export function telemetrySettings(values: Values): TelemetrySettings {
  return {
    logLevel: values.HOWDAH_LOG_LEVEL,
    logFormat: values.HOWDAH_LOG_FORMAT,
    metricsPort: values.HOWDAH_METRICS_PORT,
    metricsToken: values.HOWDAH_METRICS_TOKEN,
    tracing: tracingSettings(values),
  };
}

function tracingSettings(values: Values): TracingSettings | undefined {
  const url = values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? tracesAt(values);
  if (url === undefined || values.OTEL_SDK_DISABLED || values.OTEL_TRACES_EXPORTER === 'none') {
    return undefined;
  }
  const sampler = values.OTEL_TRACES_SAMPLER;
  const share = sampler.endsWith('ratio') ? values.OTEL_TRACES_SAMPLER_ARG : 1;
  return Object.freeze({
    url,
    headers: { ...values.OTEL_EXPORTER_OTLP_HEADERS, ...values.OTEL_EXPORTER_OTLP_TRACES_HEADERS },
    timeoutMs: values.OTEL_EXPORTER_OTLP_TIMEOUT,
    delayMs: values.OTEL_BSP_SCHEDULE_DELAY,
    resource: { ...values.OTEL_RESOURCE_ATTRIBUTES, 'service.name': serviceName(values) },
    share: sampler.endsWith('always_off') ? 0 : share,
    followsParent: sampler.startsWith('parentbased'),
    linksCallers: values.HOWDAH_TRACEPARENT === 'link',
    capturesContent: values.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT,
  });
}

function tracesAt({ OTEL_EXPORTER_OTLP_ENDPOINT: base }: Values): string | undefined {
  return base === undefined ? undefined : `${base.replace(/\/$/, '')}/v1/traces`;
}

/** Returns the name of the service. OTEL_SERVICE_NAME takes precedence over the attributes. */
function serviceName({ OTEL_SERVICE_NAME: name, OTEL_RESOURCE_ATTRIBUTES: more }: Values): string {
  return name === 'howdah' ? (more['service.name'] ?? name) : name;
}
