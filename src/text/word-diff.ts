import { diffWordsWithSpace } from 'diff';

/** A part of a text, and whether the other text lacks it. */
export type TextPiece = { text: string; isChanged: boolean };

/** Returns two texts in pieces: the words that both have, and those that differ. */
export function diffWords(a: string, b: string): { a: TextPiece[]; b: TextPiece[] } {
  const words = diffWordsWithSpace(a, b);
  const side = (other: 'added' | 'removed', own: 'added' | 'removed') =>
    words
      .filter((word) => !word[other])
      .map((word) => ({ text: word.value, isChanged: word[own] }));
  return { a: side('added', 'removed'), b: side('removed', 'added') };
}
