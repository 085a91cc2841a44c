import type { LookupAddress } from 'node:dns';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import type { EgressTarget } from './target.ts';

/** The destination of a connection. `lookup` returns only the checked addresses. */
export type DialOptions = {
  host: string;
  port: number;
  lookup: net.LookupFunction;
  secure: boolean;
  /** The name in the certificate. Absent for an IP address. */
  servername?: string;
};
export type Dial = (options: DialOptions) => net.Socket;

/** One request to one URL. A redirect is another hop. */
export type Hop = {
  url: string;
  method: string;
  headers: Headers;
  body: string | Uint8Array | undefined;
};

export const dialDirectly: Dial = ({ secure, ...options }) =>
  secure ? tls.connect({ ...options, ALPNProtocols: ['http/1.1'] }) : net.connect(options);

/**
 * Sends one request over its own connection and resolves when the headers of the answer have
 * arrived. Rejects with the errors of Node. `signal` closes the connection, also while the body is
 * read. `onConnect` is called once the connection is established.
 */
export function exchangeHttp(
  target: EgressTarget,
  hop: Hop,
  dial: Dial,
  { signal, onConnect }: { signal: AbortSignal; onConnect: () => void },
): Promise<http.IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const request = http.request({
    method: hop.method,
    path: `${target.url.pathname}${target.url.search}`,
    headers: wireHeaders(target, hop),
    setHost: false,
    signal,
    createConnection: () => {
      const socket = dial(dialOptions(target));
      return socket.once(target.secure ? 'secureConnect' : 'connect', onConnect);
    },
  });
  request.on('response', resolve);
  // The listener remains for the whole request. An error after the answer reaches its reader
  // through the body.
  request.on('error', reject);
  request.on('upgrade', (_answer, socket) => {
    socket.destroy();
    reject(Object.assign(new Error('not asked to switch'), { code: 'ERR_UPGRADE' }));
  });
  request.end(hop.body);
  return promise;
}

/**
 * Builds the headers of a request. The framing is set here, because Node would send the body of a
 * DELETE without its length.
 */
function wireHeaders(target: EgressTarget, hop: Hop): http.OutgoingHttpHeaders {
  const length = hop.body === undefined ? undefined : Buffer.byteLength(hop.body);
  const isExpected = /^(POST|PUT|PATCH)$/.test(hop.method);
  return {
    'accept-encoding': 'gzip, br',
    ...Object.fromEntries(hop.headers),
    host: target.url.host,
    connection: 'close',
    ...(length !== undefined || isExpected ? { 'content-length': length ?? 0 } : {}),
  };
}

function dialOptions({ host, port, secure, addresses }: EgressTarget): DialOptions {
  return {
    host,
    port,
    secure,
    lookup: lookupIn(addresses),
    ...(secure && net.isIP(host) === 0 ? { servername: host } : {}),
  };
}

/** Creates a lookup function for `net.connect` that returns the checked addresses. */
function lookupIn(addresses: readonly LookupAddress[]): net.LookupFunction {
  return (_host, { all }, answer) => {
    const [first] = addresses;
    if (all || !first) answer(null, [...addresses]);
    else answer(null, first.address, first.family);
  };
}
