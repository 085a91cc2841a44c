import { truncate } from '../../text/truncate.ts';

/** Returns the path of a request URL, without its query. */
export function pathOf(url = '/'): string {
  return url.split('?', 1)[0] ?? url;
}

/** Returns the path for use in a sentence, truncated to 200 characters. */
export function shownPath(url = '/'): string {
  return truncate(pathOf(url), 200);
}
