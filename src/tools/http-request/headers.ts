import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { ToolContext } from '../../contracts/agents/tool.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { EXECUTION_HEADER } from '../../network/execution-header.ts';

/**
 * Headers that no caller may set. Most of them frame or route a request, so a custom value could
 * smuggle a second request. `accept-encoding` must name a supported compression. Cookies belong to
 * a session, and there is no session. `howdah-execution` says which run sends the request.
 */
const OURS =
  /^(host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|http2-settings|accept-encoding|cookie2?|howdah-execution|proxy-.*)$/;

/** Parses headers from JSON. `where` names the field in error messages. */
export function readHeaders(value: Json | undefined, where: string): Outcome<Headers> {
  const headers = new Headers();
  if (value === undefined || value === null) return { ok: true, value: headers };
  if (!isJsonObject(value)) return unfit(`${where} is not an object of names and texts`);
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string') return unfit(`${where}.${name} is not a text`);
    if (OURS.test(name.toLowerCase())) {
      return unfit(`${where}.${name} may not be set; leave it out`);
    }
    if (!isSendable(name, text)) return unfit(`${where}.${name} is not a header that can be sent`);
    headers.set(name, text);
  }
  return { ok: true, value: headers };
}

/**
 * Merges the headers of a request: the defaults, over them the caller's, over them the fixed
 * headers.
 */
export function requestHeaders(
  { own, fixed }: { own: Headers; fixed: Headers },
  method: string,
  contentType: string | undefined,
  context: ToolContext,
): Headers {
  const headers = new Headers({ 'user-agent': 'howdah', accept: '*/*' });
  if (contentType !== undefined) headers.set('content-type', contentType);
  if (method !== 'GET' && method !== 'HEAD') {
    headers.set('idempotency-key', encodeURI(context.idempotency_key.toWellFormed()));
  }
  if (context.traceparent) headers.set('traceparent', context.traceparent);
  for (const [name, value] of [...own, ...fixed]) headers.set(name, value);
  headers.set(EXECUTION_HEADER, context.execution_id);
  return headers;
}

/** Returns whether a header may be set and is valid. */
export function isHeader(name: string, value: string): boolean {
  return !OURS.test(name.toLowerCase()) && isSendable(name, value);
}

function isSendable(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

function unfit(message: string): Outcome<never> {
  return { ok: false, error: { code: 'invalid_arguments', message, retryable: false } };
}
