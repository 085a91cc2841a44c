/**
 * The path below which Howdah is served, without a slash at the end: empty, or the path of a mount
 * such as `/howdah`. The scripts are in the folder `console` below it.
 */
export const basePath = new URL('..', import.meta.url).pathname.replace(/\/$/, '');

/** Returns the URL of a path of the API. */
export function apiUrl(path: string): URL {
  return new URL(`${basePath}${path}`, location.origin);
}
