import { HowdahError } from '../../contracts/errors.ts';

/** Headers of a response that may contain a path of the API. */
const WITH_PATH = ['location', 'content-location'] as const;

/**
 * Returns a prefix without a slash at its end, so that the API itself has the prefix ''. Throws
 * `HWINV` for a text that is no path.
 */
export function normalizePrefix(prefix: string): string {
  if (/^(\/[^?#\s]*)?$/.test(prefix)) return prefix.replace(/\/+$/, '');
  throw new HowdahError('HWINV', `the option prefix is not a path: ${JSON.stringify(prefix)}`, {
    hint: 'Use a path that starts with a slash, such as /howdah.',
    detail: { option: 'prefix' },
  });
}

/** Returns the address below the prefix, or undefined if the address is not below it. */
export function belowPrefix(url: string, prefix: string): string | undefined {
  if (!url.startsWith(prefix)) return undefined;
  const rest = url.slice(prefix.length);
  if (rest.startsWith('/')) return rest;
  return rest === '' || rest.startsWith('?') ? `/${rest}` : undefined;
}

/** Adds the prefix to paths of the API in the headers of a response. */
export function prefixPaths<H extends Record<string, unknown>>(headers: H, prefix: string): H {
  const moved = WITH_PATH.flatMap((name) => {
    const path = headers[name];
    return typeof path === 'string' && path.startsWith('/') ? [[name, `${prefix}${path}`]] : [];
  });
  return { ...headers, ...Object.fromEntries(moved) };
}
