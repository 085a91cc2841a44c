/** The path of a request's URL, without its query. */
export function pathOf(url = '/'): string {
  return url.split('?', 1)[0] ?? url;
}
