import { z } from 'zod';
import { parseHostPattern } from './host-pattern.ts';

/** A host that nobody but this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** As browsers write it: `https://host`, with a port where it is not the usual one. */
export function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text;
}

/** One host: a wildcard would open private addresses under names that nobody has looked at. */
export function isHost(text: string): boolean {
  return parseHostPattern(text)?.wildcard === false;
}

/** Where others reach a server: http or https, perhaps below a path. Gives it without a slash at its end. */
export const publicUrl = z
  .url({ protocol: /^https?$/ })
  .refine((text) => /^https?:\/\/[^@?#]+$/i.test(text))
  .transform((text) => text.replace(/\/+$/, ''))
  .optional();

/** An IPv6 address as it stands in a URL. */
export function inBrackets(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
