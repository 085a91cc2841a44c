import { contentStems } from './words.ts';

/**
 * The number of dimensions. It is large enough that two different pieces seldom share a dimension.
 */
export const DIMENSIONS = 4096;
const LENGTHS = [3, 4, 5];

/**
 * Embeds a text by its letters. The vector counts each run of three to five letters of a word,
 * hashed to a dimension, and has length 1. Texts that share words or parts of words are near. The
 * vector knows nothing of meaning. It is all zero for a text without content words.
 */
export function embedText(text: string): number[] {
  const vector = new Array<number>(DIMENSIONS).fill(0);
  for (const word of contentStems(text)) {
    for (const piece of piecesOf(`^${word}$`)) {
      const sum = hash(piece);
      const place = sum % DIMENSIONS;
      // pieces that collide by chance cancel out on average
      vector[place] = (vector[place] ?? 0) + (sum >>> 31 ? -1 : 1);
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

/** Hashes a text with FNV-1a, 32 bits. The result is the same on every machine. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }
  return sum;
}
