/** The head and the tail of a text, `limit` characters with the note that says how many are gone between them. */
export function truncateMiddle(text: string, limit: number): string {
  if (text.length <= limit) {
    return text;
  }
  const half = Math.max(0, Math.floor((limit - note(text.length).length) / 2));
  // Half of a surrogate pair is no character, and some providers refuse it.
  const head = text.slice(0, half).replace(/[\ud800-\udbff]$/, '');
  const tail = text.slice(text.length - half).replace(/^[\udc00-\udfff]/, '');
  return head + note(text.length - head.length - tail.length) + tail;
}

function note(cut: number): string {
  return `\n[… ${cut} characters are cut out here …]\n`;
}

/** The largest whole number from `low` to `high` that fits, where smaller ones fit better; else `low`. */
export function largest(low: number, high: number, fits: (limit: number) => boolean): number {
  let best = low;
  let above = high + 1;
  while (best + 1 < above) {
    const middle = Math.floor((best + above) / 2);
    if (fits(middle)) {
      best = middle;
    } else {
      above = middle;
    }
  }
  return best;
}
