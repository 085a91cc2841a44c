/** Returns the path of a request URL, without its query. */
export function pathOf(url = '/'): string {
  return url.split('?', 1)[0] ?? url;
}

/** Returns the path for use in a sentence, truncated to 200 characters. */
export function shownPath(url = '/'): string {
  const path = pathOf(url);
  return path.length > 200 ? `${path.slice(0, 200)}…` : path;
}
