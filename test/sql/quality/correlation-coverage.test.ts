import { sampleCorrelation } from 'simple-statistics';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { one } from '../support.ts';

// How often howdah_private.correlation_interval contains the true correlation of the length of an
// answer with the difference of two scores. The random numbers have a seed.

const db = testDatabase();
const SAMPLES = { 20: 2000, 50: 2000, 200: 1000 };

/** Random numbers from 0 to 1 (mulberry32). */
function randomNumbers(seed: number) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
const random = randomNumbers(51);
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

type Draw = () => [length: number, difference: number];
/** The length of an answer and the difference of its scores, and how often intervals are right. */
const ANSWERS: Record<string, [Draw, number]> = {
  'normal lengths, no bias': [() => [normal(), normal()], 0.94],
  'normal lengths, a bias': [
    () => {
      const length = normal();
      return [length, 0.5 * length + normal()];
    },
    0.94,
  ],
  'skewed lengths, no bias': [() => [Math.exp(0.8 * normal()), normal()], 0.94],
  'passed or failed, no bias': [
    () => {
      const drawn = random();
      return [Math.exp(0.8 * normal()), drawn < 0.1 ? -1 : drawn < 0.25 ? 1 : 0];
    },
    0.94,
  ],
  'skewed lengths, a bias': [
    () => {
      const size = 0.8 * normal();
      return [Math.exp(size), 0.5 * size + normal()];
    },
    0.94,
  ],
  // long answers pass more often, and the tail of the lengths is long
  'passed or failed, a bias': [
    () => {
      const size = normal();
      const [drawn, lenient] = [random(), 1 / (1 + Math.exp(2 - size))];
      return [Math.exp(0.7 * size), drawn < lenient ? 1 : drawn < lenient + 0.05 ? -1 : 0];
    },
    0.92,
  ],
};

async function coverage(draw: Draw, items: keyof typeof SAMPLES): Promise<number> {
  const many = Array.from({ length: 200_000 }, draw);
  const truth = sampleCorrelation(
    many.map(([length]) => length),
    many.map(([, difference]) => difference),
  );
  const drawn = Array.from({ length: SAMPLES[items] * items }, draw);
  const { covered } = await one<{ covered: number }>(
    db.pool,
    `select avg(($4 between i.low and i.high)::int)::float8 as covered
     from (
       select array_agg(l order by place) as lengths, array_agg(d order by place) as differences
       from unnest($1::float8[], $2::float8[]) with ordinality as x (l, d, place)
       group by (place - 1) / $3::int) as s
     cross join lateral howdah_private.correlation_interval(s.lengths, s.differences) as i
     where i.estimate is not null`,
    [drawn.map(([length]) => length), drawn.map(([, difference]) => difference), items, truth],
  );
  return covered;
}

describe.each([20, 50, 200] as const)('of %s items, the interval of a correlation', (items) => {
  test.each(Object.entries(ANSWERS))('contains that of %s', async (_, [draw, least]) => {
    expect(await coverage(draw, items)).toBeGreaterThanOrEqual(least);
  });
});

test('few items, equal values and nulls have no interval', async () => {
  const interval = (firsts: (number | null)[], seconds: (number | null)[]) =>
    one(db.pool, 'select * from howdah_private.correlation_interval($1::float8[], $2::float8[])', [
      firsts,
      seconds,
    ]);
  const none = { low: null, high: null };
  expect(await interval([], [])).toEqual({ items: 0, estimate: null, ...none, verdict: null });
  expect(await interval([1, 1, 1, 1], [1, 2, 3, 4])).toMatchObject({ ...none, verdict: null });
  const three = { items: 3, ...none, verdict: 'inside the noise' };
  expect(await interval([1, 2, 3, null, 5], [1, 2, 3, 4, null])).toMatchObject(three);
  const { low, high } = await interval([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]);
  expect(low).toBeLessThan(0);
  expect(high).toBeLessThan(1);
});
