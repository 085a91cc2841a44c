import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import {
  endToEndHeaders,
  forwardRequest,
  type MountedRequest,
  type OpenConnection,
} from './forward-request.ts';
import { prefixPaths } from './prefix.ts';

/** Status codes of responses that have no body. */
const BODILESS_STATUSES = new Set([204, 205, 304]);

/** Answers a Fetch request. */
export async function answerFetch(
  open: OpenConnection,
  { method, url, headers, body, signal }: Request,
  { path, prefix, headers: own }: MountedRequest,
): Promise<Response> {
  const response = await forwardRequest(open({ remoteAddress: undefined, mountPrefix: prefix }), {
    ...{ method, path, signal },
    headers: { host: new URL(url).host, ...Object.fromEntries(headers), ...own },
    body: body ? Readable.fromWeb(body as NodeReadableStream) : undefined,
  });
  return toFetchResponse(response, prefix);
}

function toFetchResponse(response: IncomingMessage, prefix: string): Response {
  const status = response.statusCode ?? 502;
  const headers = new Headers();
  for (const [name, value] of Object.entries(
    prefixPaths(endToEndHeaders(response.headers), prefix),
  )) {
    for (const one of [value].flat()) headers.append(name, String(one));
  }
  if (!BODILESS_STATUSES.has(status)) {
    return new Response(Readable.toWeb(response) as ReadableStream, { status, headers });
  }
  response.resume();
  return new Response(null, { status, headers });
}
