/** The maximum number of names in a hint. */
export const MAX_NAMES = 10;

/** Joins names for a hint, at most `MAX_NAMES`. */
export function joinNames(names: readonly string[]): string {
  return names.length > MAX_NAMES
    ? `${names.slice(0, MAX_NAMES).join(', ')} and more`
    : names.join(', ');
}
