import type { IncomingMessage } from 'node:http';
import { inBrackets, isLoopback } from '../../network/addresses.ts';

/** Returns whether a request comes from this machine, by its headers and its address. */
export type LoopbackGuard = (
  request: Pick<IncomingMessage, 'headers'> & { socket?: { remoteAddress?: string | undefined } },
) => boolean;

/**
 * Creates the guard of a server without a login, where everyone who reaches the port may do
 * everything. A foreign page in a browser of this machine can reach the port in two ways: by its
 * own script (a foreign Origin), or by a host name that resolves to this machine (a foreign Host).
 * So both headers must name this machine, or the address that the server listens on. A server of
 * others, in which this one is mounted, may also be reached from other machines, whose clients can
 * write any header. So the address of the client must be of this machine as well, where it is
 * known.
 */
export function createLoopbackGuard(host: string): LoopbackGuard {
  const names = localNames(host);
  return ({ headers, socket }) =>
    isLoopback((socket?.remoteAddress ?? 'localhost').replace(/^::ffff:/, '')) &&
    names.has(hostOf(`http://${headers.host}`)) &&
    (headers.origin === undefined || names.has(hostOf(headers.origin)));
}

/** Returns the names of this machine for itself, and the address that the server listens on. */
export function localNames(host: string): ReadonlySet<string> {
  return new Set(['localhost', '127.0.0.1', '[::1]', inBrackets(host)]);
}

function hostOf(url: string): string {
  return URL.parse(url)?.hostname ?? '';
}
