import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { ToolContext } from '../../contracts/agents/tool.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { isJsonObject, type Json } from '../../json/json.ts';

/**
 * What nobody may set: the first are how a request is framed and routed, so a value of one's own could smuggle a second
 * request along; the answer's compression has to be one we can read; cookies belong to a session, and there is none.
 */
const OURS =
  /^(host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|http2-settings|accept-encoding|cookie2?|proxy-.*)$/;

/** Headers as they stand in JSON; `where` names the field in what is said about a bad one. */
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

/** The caller's headers, over them the fixed ones, and ours where neither says otherwise. */
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
  return headers;
}

/** Whether it may be set at all, and holds only what headers do. */
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
