import { contentStems } from './words.ts';

/** Enough that two different pieces seldom share a place. */
export const DIMENSIONS = 4096;
const LENGTHS = [3, 4, 5];

/**
 * A text by the pieces of its words: how often each run of three to five letters occurs, hashed to a place, at length 1.
 * Texts are near that share words or parts of them, so it is of letters and knows nothing of meaning. All zero where no
 * word carries any.
 */
export function embedText(text: string): number[] {
  const vector = new Array<number>(DIMENSIONS).fill(0);
  for (const word of contentStems(text)) {
    for (const piece of piecesOf(`^${word}$`)) {
      const sum = hash(piece);
      const place = sum % DIMENSIONS;
      vector[place] = (vector[place] ?? 0) + (sum >>> 31 ? -1 : 1); // pieces that share a place by chance cancel out on the whole
    }
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((one) => one / length);
}

function piecesOf(word: string): string[] {
  const letters = [...word];
  return LENGTHS.flatMap((length) =>
    Array.from({ length: Math.max(0, letters.length - length + 1) }, (_, at) =>
      letters.slice(at, at + length).join(''),
    ),
  );
}

/** FNV-1a, 32 bits: the same on every machine. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }
  return sum;
}
