import type { IncomingMessage } from 'node:http';
import type { Outcome } from '../../contracts/errors.ts';
import { rejectRequest } from './failures.ts';
import type { Hop } from './http-exchange.ts';
import type { EgressTarget } from './target.ts';

/**
 * The headers that are also sent to another origin. Other headers of the caller are meant for the
 * first origin. The idempotency key is no secret, and without it a repeated request would have its
 * effect twice there.
 */
const FOR_ANYBODY = new Set([
  'accept',
  'accept-language',
  'content-type',
  'idempotency-key',
  'user-agent',
]);
const OF_BODY = ['content-type', 'content-encoding', 'content-language', 'content-location'];
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Returns the next hop after an answer, or null if the answer is final. Methods change as in the
 * Fetch standard.
 */
export function nextHop(
  hop: Hop,
  target: EgressTarget,
  answer: IncomingMessage,
): Outcome<Hop> | null {
  const { statusCode: status = 0 } = answer;
  const { location } = answer.headers;
  if (!REDIRECTS.has(status) || location === undefined) return null;
  const url = URL.parse(location, target.url.href);
  if (!url)
    return rejectRequest(`${target.host} redirects to something that is no URL`, target.host);
  if (target.secure && url.protocol !== 'https:') {
    const message = `${target.host} redirects from https to ${url.protocol.slice(0, -1)}, which is not followed`;
    return rejectRequest(message, target.host);
  }
  const headers = new Headers(hop.headers);
  if (url.origin !== target.url.origin) {
    keepOnly(headers, FOR_ANYBODY);
  }
  const becomesGet = status === 303 ? hop.method !== 'HEAD' : status < 303 && hop.method === 'POST';
  if (!becomesGet) return { ok: true, value: { ...hop, url: url.href, headers } };
  for (const name of OF_BODY) headers.delete(name);
  return { ok: true, value: { url: url.href, method: 'GET', headers, body: undefined } };
}

function keepOnly(headers: Headers, allowed: ReadonlySet<string>): void {
  for (const name of [...headers.keys()]) {
    if (!allowed.has(name)) headers.delete(name);
  }
}
