import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Headers that concern one connection, so they are never passed on. */
const OF_CONNECTION = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export type ForwardedRequest = {
  method: string;
  /** The path below the prefix, with its query. */
  path: string;
  headers: Readonly<OutgoingHttpHeaders>;
  /** Undefined for a request without a body. */
  body: Readable | undefined;
  /** Fires when the client disconnects. */
  signal: AbortSignal;
};

/** Sends a request over a connection. Resolves with the response when its headers have arrived. */
export function forwardRequest(
  connection: Duplex,
  { method, path, headers, body, signal }: ForwardedRequest,
): Promise<IncomingMessage> {
  const forwarded = passedOn(headers);
  const isSized = forwarded['content-length'] !== undefined;
  const outgoing = request({
    ...{ method, path, signal, setHost: false, createConnection: () => connection },
    headers: { ...forwarded, ...(body && !isSized && { 'transfer-encoding': 'chunked' }) },
  });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  // The API may answer before it has read the body, and then closes the connection.
  outgoing.once('response', resolve).on('error', reject);
  if (body) pipeline(body, outgoing).catch(reject);
  else outgoing.end();
  return promise;
}

/**
 * Returns the headers that belong to a message and not to its connection. Names of HTTP/2 such as
 * `:path` are left out.
 */
export function passedOn(headers: Readonly<OutgoingHttpHeaders>): OutgoingHttpHeaders {
  const kept = Object.entries(headers).filter(
    ([name, value]) => !OF_CONNECTION.has(name) && !name.startsWith(':') && value !== undefined,
  );
  const host = headers.host ?? headers[':authority'];
  return { ...Object.fromEntries(kept), ...(host !== undefined && { host: String(host) }) };
}
