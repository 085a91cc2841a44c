import fc from 'fast-check';
import { expect } from 'vitest';
import { type Db, one } from '../sql/support.ts';

// Numbers that a double would round, and a check of what an interface shows of them. Postgres
// decides whether two numbers are equal.

export const SNOWFLAKE = '1915883588174806058';

/** Numbers of 1 to 40 digits, with a sign, a fraction and an exponent, as JSON writes them. */
const number = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.stringMatching(/^(0|[1-9]\d{0,39})$/),
    fc.option(fc.stringMatching(/^\d{1,40}$/)),
    fc.option(fc.integer({ min: -60, max: 60 })),
  )
  .map(([sign, whole, fraction, power]) =>
    [sign, whole, fraction && `.${fraction}`, power === null ? '' : `e${power}`].join(''),
  );

/** Returns known and random numbers as the text of a JSON list. */
export function numberList(count: number, seed: number): string {
  const known = ['9007199254740993', '-9007199254740993', SNOWFLAKE, '1e400', '0.1'];
  return `[${[...known, ...fc.sample(number, { numRuns: count, seed })].join(', ')}]`;
}

/** The numbers that go through each interface. */
export const NUMBERS = numberList(12, 44);

/** Lists named `n` in JSON, also in JSON that is a text of other JSON. */
const LISTS = /\bn\\*":\s*(\[[^\]]*\])/g;

/**
 * Asserts that each list named `n` in what an interface sent consists of `NUMBERS`, and that there
 * are so many lists at least.
 */
export async function expectNumbers(db: Db, sent: string, least = 1): Promise<void> {
  const lists = [...sent.matchAll(LISTS)].map(([, list = '']) => list.replaceAll(/\\+n/g, ' '));
  expect(lists.length, sent).toBeGreaterThanOrEqual(least);
  for (const list of lists) expect(() => JSON.parse(list), list).not.toThrow();
  const { wrong } = await one(
    db,
    `select coalesce(jsonb_agg(l.list), '[]') as wrong from unnest($1::text[]) as l (list)
     where l.list::jsonb <> $2::jsonb`,
    [lists, NUMBERS],
  );
  expect(wrong).toEqual([]);
}
