import { createHash } from 'node:crypto';

/** Numbers that look random and follow from a text alone: the same text, the same numbers, on every machine. */
export type Random = {
  /** At least 0, below 1. */
  next(): number;
  /** A whole number of `from … to`, both included. */
  int(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(choices: readonly T[]): T;
};

/** `randomOf(seed, 'round', 3)`: every thing that is decided has numbers of its own, so no decision moves another. */
export function randomOf(...text: (string | number)[]): Random {
  const digest = createHash('sha256').update(text.join('/')).digest();
  let state = digest.readUInt32LE(0);
  const next = (): number => {
    // mulberry32: small, and good enough to choose by
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    int: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (probability) => next() < probability,
    pick: (choices) => choices[Math.floor(next() * choices.length)] as (typeof choices)[number],
  };
}
