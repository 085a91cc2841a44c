import { firstCharacters, lastCharacters } from './truncate.ts';

/**
 * Truncates the middle of a text. Returns its head and tail: `limit` characters, together with a
 * note that says how many were removed between them.
 */
export function truncateMiddle(text: string, limit: number): string {
  if (text.length <= limit) {
    return text;
  }
  const half = Math.max(0, Math.floor((limit - note(text.length).length) / 2));
  const head = firstCharacters(text, half);
  const tail = lastCharacters(text, half);
  return head + note(text.length - head.length - tail.length) + tail;
}

function note(cut: number): string {
  return `\n[… ${cut} characters are cut out here …]\n`;
}

/**
 * Returns the largest integer from `low` to `high` that fits, or `low` if none fits. Smaller
 * numbers must fit better.
 */
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
