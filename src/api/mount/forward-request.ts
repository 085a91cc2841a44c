import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { MountedClient } from '../http/loopback-guard.ts';

/** Opens a connection to the API for one request of a client. */
export type OpenConnection = (client: MountedClient) => Duplex;

/** The parts of a request that a mount changes. */
export type MountedRequest = {
  /** The address below the prefix. */
  path: string;
  prefix: string;
  /** Headers that replace those of the request. */
  headers: { authorization?: string };
};

/** Headers that concern one connection only. A proxy does not forward them. */
const HOP_BY_HOP_HEADERS = new Set([
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
  const forwarded = endToEndHeaders(headers);
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
 * Returns the headers that a proxy forwards: all but those of the connection and the pseudo-headers
 * of HTTP/2, such as `:path`.
 */
export function endToEndHeaders(headers: Readonly<OutgoingHttpHeaders>): OutgoingHttpHeaders {
  const endToEnd = Object.entries(headers).filter(
    ([name, value]) =>
      !HOP_BY_HOP_HEADERS.has(name) && !name.startsWith(':') && value !== undefined,
  );
  const host = headers.host ?? headers[':authority'];
  return { ...Object.fromEntries(endToEnd), ...(host !== undefined && { host: String(host) }) };
}
