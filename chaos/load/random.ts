import { createHash } from 'node:crypto';

/** A deterministic random number generator. Equal seeds yield equal numbers on every machine. */
export type Random = {
  /** Returns a number from 0 to below 1. */
  next(): number;
  /** Returns an integer from `from` to `to`, inclusive. */
  int(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(choices: readonly T[]): T;
};

/**
 * Creates the generator of one decision, such as `randomOf(seed, 'round', 3)`. Decisions do not
 * share a generator, so an additional decision changes no other.
 */
export function randomOf(...text: (string | number)[]): Random {
  const digest = createHash('sha256').update(text.join('/')).digest();
  let state = digest.readUInt32LE(0);
  const next = (): number => {
    // mulberry32, a small generator of sufficient quality
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
