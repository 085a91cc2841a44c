import { parseHostPattern } from './host-pattern.ts';

/** Returns whether only this machine can reach a host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Returns whether what is sent to a URL stays secret: over https, or to this machine. */
export function isConfidential({ protocol, hostname }: URL): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(host));
}

/**
 * Returns whether a text names exactly one host. A wildcard is rejected, because it would open
 * private addresses under names that nobody has checked.
 */
export function isHost(text: string): boolean {
  return parseHostPattern(text)?.wildcard === false;
}

/** Puts an IPv6 address into brackets, as in a URL. Other hosts are unchanged. */
export function inBrackets(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
