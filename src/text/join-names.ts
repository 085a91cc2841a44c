/** The maximum number of names in a hint. */
export const MOST_NAMES = 10;

/** Joins names for a hint, at most `MOST_NAMES`. */
export function joinNames(names: readonly string[]): string {
  return names.length > MOST_NAMES
    ? `${names.slice(0, MOST_NAMES).join(', ')} and more`
    : names.join(', ');
}
