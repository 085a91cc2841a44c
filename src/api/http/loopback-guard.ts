import type { IncomingMessage } from 'node:http';
import { inBrackets } from '../../network/addresses.ts';

/** Judges a request by its headers alone. */
export type LoopbackGuard = (request: Pick<IncomingMessage, 'headers'>) => boolean;

/**
 * While there is no login, whoever reaches the port may do everything. A page of a stranger in the browser of this
 * machine reaches it, by its own script (a foreign Origin) or by a name that it lets point here (a foreign Host); so
 * both must name this machine, or the address the server was told to listen on.
 */
export function createLoopbackGuard(host: string): LoopbackGuard {
  const names = localNames(host);
  return ({ headers }) =>
    names.has(hostOf(`http://${headers.host}`)) &&
    (headers.origin === undefined || names.has(hostOf(headers.origin)));
}

/** Names of this machine for itself, and the address the server was told to listen on. */
export function localNames(host: string): ReadonlySet<string> {
  return new Set(['localhost', '127.0.0.1', '[::1]', inBrackets(host)]);
}

function hostOf(url: string): string {
  return URL.parse(url)?.hostname ?? '';
}
