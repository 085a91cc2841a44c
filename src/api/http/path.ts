/** The path of a request's URL, without its query. */
export function pathOf(url = '/'): string {
  return url.split('?', 1)[0] ?? url;
}

/** As a sentence names it: not longer than one reads. */
export function shownPath(url = '/'): string {
  const path = pathOf(url);
  return path.length > 200 ? `${path.slice(0, 200)}…` : path;
}
