import { distance } from 'fastest-levenshtein';

/** Most names that are compared, and the length of the longest one. */
const MAX_NAMES = 1_000;
const LONGEST_NAME = 200;

/**
 * Returns the names that may have been meant, each once, the nearest first. A third of the word may
 * be wrong, or the word is a part of a name.
 */
export function closestNames(word: string, names: readonly string[], most = 3): string[] {
  const said = word.slice(0, 64).toLowerCase();
  return [...new Set(names.slice(0, MAX_NAMES))]
    .filter((name) => name.length <= LONGEST_NAME)
    .map((name) => ({ name, off: offBy(said, name.toLowerCase()) }))
    .filter(({ off }) => off <= Math.max(2, said.length / 3))
    .toSorted((a, b) => a.off - b.off)
    .slice(0, most)
    .map(({ name }) => name);
}

/**
 * Returns the distance between a word and a name. A part of a name counts as near, because models
 * leave out or add what precedes and follows: `search` for `kb__search`.
 */
function offBy(said: string, name: string): number {
  const isPart = said.length > 2 && (name.includes(said) || said.includes(name));
  return isPart ? 1 : distance(said, name);
}

/** Returns whether one word becomes the other by adding, leaving out or replacing one letter. */
export function isOneLetterApart(a: string, b: string): boolean {
  return distance(a, b) === 1;
}
