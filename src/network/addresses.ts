import { z } from 'zod';
import { parseHostPattern } from './host-pattern.ts';

/** Returns whether only this machine can reach a host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Returns whether a text is an origin as browsers write it: `https://host`, with a port unless it
 * is the default one.
 */
export function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text;
}

/**
 * Returns whether a text names exactly one host. A wildcard is rejected, because it would open
 * private addresses under names that nobody has checked.
 */
export function isHost(text: string): boolean {
  return parseHostPattern(text)?.wildcard === false;
}

/**
 * The schema of the URL at which others reach a server: http or https, perhaps below a path. The
 * parsed URL has no slash at its end.
 */
export const publicUrl = z
  .url({ protocol: /^https?$/ })
  .refine((text) => /^https?:\/\/[^@?#]+$/i.test(text))
  .transform((text) => text.replace(/\/+$/, ''))
  .optional();

/** Puts an IPv6 address into brackets, as in a URL. Other hosts are unchanged. */
export function inBrackets(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
