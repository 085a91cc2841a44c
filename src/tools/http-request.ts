import type { BuiltinContext, BuiltinTool, ToolOutcome } from '../contracts/agents/tool.ts';
import type { ErrorCode, Outcome, RunError } from '../contracts/errors.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import { type HostPattern, parseHostPattern } from '../network/host-pattern.ts';
import { retryAfterMs } from '../network/retry-after.ts';
import { Redaction, SHORTEST_ECHO } from '../redaction/redaction.ts';
import {
  createEgress,
  type Egress,
  type EgressAnswer,
  type EgressOptions,
  type EgressRequest,
} from './egress.ts';
import { openAsAccount, type SentTokens } from './http-request/account-token.ts';
import { readHeaders, requestHeaders } from './http-request/headers.ts';
import { excerpt, responseResult } from './http-request/response-result.ts';
import { readSecretHeaders } from './http-request/secrets.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const EXCERPT_CHARACTERS = 1_000;

/**
 * The built-in tool `http_request`. `configuration.allow` (`host`, `host:port`, `*.example.com`)
 * restricts the hosts and never adds any. `configuration.methods` restricts the methods.
 * `configuration.headers` are sent with each request and override the model's headers.
 * `configuration.secrets` are sent to the hosts that they name, and override both. The token of
 * `configuration.integration` is sent to the resource of that integration. Never throws.
 */
export function httpRequestTool(options: EgressOptions): BuiltinTool {
  const egress = createEgress(options);
  return {
    name: 'http_request',
    run: (args, context, configuration) => run(egress, args, context, configuration),
  };
}

async function run(
  egress: Egress,
  args: JsonObject,
  context: BuiltinContext,
  configuration: JsonObject,
): Promise<ToolOutcome> {
  const request = requestOf(args, context, configuration);
  if (!request.ok) return request;
  const { url, headers = new Headers() } = request.value;
  const secrets = await readSecretHeaders(configuration.secrets, url, context.readSecret);
  if (!secrets.ok) return secrets;
  for (const [name, value] of secrets.value.headers) headers.set(name, value);
  const tokens: SentTokens = new Set();
  const sent = { ...request.value, headers };
  const opened = await openAsAccount(egress, sent, configuration.integration, context, tokens);
  const values = [...secrets.value.values, ...tokens];
  const redaction = Redaction.of(values, { shortest: SHORTEST_ECHO });
  const responseOptions = { isSource: args.html === 'source', redaction };
  const outcome = await readAnswer(egress, opened, sent, responseOptions);
  return outcome.ok
    ? { ok: true, value: redaction.json(outcome.value) }
    : { ...outcome, error: redaction.error(outcome.error) };
}

async function readAnswer(
  egress: Egress,
  opened: Awaited<ReturnType<typeof openAsAccount>>,
  request: EgressRequest,
  responseOptions: { isSource: boolean; redaction: Redaction },
): Promise<ToolOutcome> {
  if (!opened.ok) return opened;
  const code = codeOf(opened.value.status);
  if (code !== undefined) return failedAnswer(code, opened.value, responseOptions.redaction);
  const answer = await egress.read(opened.value, request.signal);
  return answer.ok
    ? {
        ok: true,
        value: responseResult(answer.value, { requestUrl: request.url, ...responseOptions }),
      }
    : answer;
}

function requestOf(
  args: JsonObject,
  context: BuiltinContext,
  configuration: JsonObject,
): Outcome<EgressRequest> {
  const only = readAllow(configuration.allow);
  if (!only.ok) return configurationError(only.error);
  const fixed = readHeaders(configuration.headers, "the tool's configuration.headers");
  if (!fixed.ok) return configurationError(fixed.error);
  const own = readHeaders(args.headers, 'headers');
  if (!own.ok) return own;
  const url = String(args.url ?? '');
  const method = String(args.method ?? 'GET').toUpperCase();
  const methods = Array.isArray(configuration.methods) ? configuration.methods : METHODS;
  if (!METHODS.includes(method)) return unfit(`method is not one of ${methods.join(', ')}`);
  if (!methods.includes(method)) {
    return unfit(`method: this tool may only be used with ${methods.join(', ')}`);
  }
  const { body, contentType } = encodeBody(args.body);
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) {
    return unfit(`body: ${method} takes none; leave it out or use POST`);
  }
  const headers = requestHeaders(
    { own: own.value, fixed: fixed.value },
    method,
    contentType,
    context,
  );
  return {
    ok: true,
    value: {
      ...{ url, method, headers, body, signal: context.signal, only: only.value },
      allowPrivate: context.allowPrivate,
    },
  };
}

/** Parses the allowed hosts. Undefined allows all public hosts, an empty list allows none. */
function readAllow(value: Json | undefined): Outcome<HostPattern[] | undefined> {
  if (value === undefined || value === null) return { ok: true, value: undefined };
  const entries = Array.isArray(value) ? value : [value];
  const patterns = entries.map((entry) =>
    typeof entry === 'string' ? parseHostPattern(entry) : null,
  );
  const wrong = patterns.indexOf(null);
  return wrong < 0
    ? { ok: true, value: patterns.filter((pattern) => pattern !== null) }
    : unfit(
        `the tool's configuration.allow contains ${JSON.stringify(entries[wrong])}, which is not a host, host:port or *.host`,
      );
}

/**
 * Encodes a body. A text that is a JSON object or array is sent as JSON, because models often write
 * JSON as a text.
 */
function encodeBody(body: Json | undefined): { body?: string; contentType?: string } {
  if (body === undefined || body === null || body === '') return {};
  if (typeof body !== 'string') return { body: JSON.stringify(body), contentType: JSON_TYPE };
  return { body, contentType: isJsonText(body) ? JSON_TYPE : 'text/plain;charset=utf-8' };
}

const JSON_TYPE = 'application/json';

function isJsonText(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    parseJson(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns the error code of a retryable status. Any other status is a result that the model can
 * read.
 */
function codeOf(status: number): ErrorCode | undefined {
  if (status === 429) return 'rate_limited';
  if (status === 408 || status === 504) return 'timeout';
  return status >= 500 ? 'overloaded' : undefined;
}

async function failedAnswer(
  code: ErrorCode,
  answer: EgressAnswer<AsyncIterable<Buffer>>,
  redaction: Redaction,
): Promise<ToolOutcome> {
  const { host } = new URL(answer.url);
  const { status, headers } = answer;
  const { bytes, isWhole } = await beginning(answer.body);
  const body = excerpt(bytes, headers, { characters: EXCERPT_CHARACTERS, isWhole, redaction });
  const retry_after_ms = retryAfterMs(headers);
  return {
    ok: false,
    error: {
      code,
      message: `${host} answered with status ${status}`,
      retryable: true,
      ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
      cause: { host, status, ...(body === '' ? {} : { body }) },
    },
  };
}

/**
 * Reads the stream until it ends, fails or has enough bytes for an excerpt. Leaving the loop closes
 * the stream.
 */
async function beginning(
  stream: AsyncIterable<Buffer>,
): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const chunks: Buffer[] = [];
  let isWhole = false;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk);
      if (Buffer.concat(chunks).byteLength > 4 * EXCERPT_CHARACTERS) {
        return { bytes: Buffer.concat(chunks), isWhole };
      }
    }
    isWhole = true;
  } catch {
    // The status already determines the error.
  }
  return { bytes: Buffer.concat(chunks), isWhole };
}

function unfit(message: string): Outcome<never> {
  return { ok: false, error: { code: 'invalid_arguments', message, retryable: false } };
}

/** Converts an error in the tool's row to `tool_failed`, because the model cannot correct it. */
function configurationError(error: RunError): Outcome<never> {
  return { ok: false, error: { ...error, code: 'tool_failed' } };
}
