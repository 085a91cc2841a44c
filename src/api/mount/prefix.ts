import { HowdahError } from '../../contracts/errors.ts';

/** Response headers that may contain a path of the API. */
const PATH_HEADERS = ['location', 'content-location'] as const;

/**
 * Removes slashes at the end of a prefix, so that '/' becomes ''. Throws `HWINV` for a text that is
 * not a path.
 */
export function normalizePrefix(prefix: string): string {
  if (/^(\/[^?#\s]*)?$/.test(prefix)) return prefix.replace(/\/+$/, '');
  throw new HowdahError('HWINV', `the option prefix is not a path: ${JSON.stringify(prefix)}`, {
    hint: 'Use a path that starts with a slash, such as /howdah.',
    detail: { option: 'prefix' },
  });
}

/** Removes the prefix from an address. Returns undefined if the address has another prefix. */
export function stripPrefix(url: string, prefix: string): string | undefined {
  if (!url.startsWith(prefix)) return undefined;
  const rest = url.slice(prefix.length);
  if (rest.startsWith('/')) return rest;
  return rest === '' || rest.startsWith('?') ? `/${rest}` : undefined;
}

/** Adds the prefix to paths of the API in the headers of a response. */
export function prefixPaths<H extends Record<string, unknown>>(headers: H, prefix: string): H {
  const moved = PATH_HEADERS.flatMap((name) => {
    const path = headers[name];
    return typeof path === 'string' && path.startsWith('/') ? [[name, `${prefix}${path}`]] : [];
  });
  return { ...headers, ...Object.fromEntries(moved) };
}
