import { mean, quantileSorted, sampleStandardDeviation } from 'simple-statistics';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, one } from '../support.ts';

// How often howdah_private.paired_interval and independent_interval contain the true difference, on
// simulated evaluations.
// The random numbers have a seed, so each figure is the same in every run.

const db = testDatabase();
/** Evaluations per number of items: as many as take about a second. */
const SAMPLES = { 20: 10_000, 50: 5000, 100: 3000, 200: 3000, 1000: 2000 };
type Items = keyof typeof SAMPLES;

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

const random = randomNumbers(50);
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const exponential = () => -Math.log(1 - random());
/** Draws a value by its probability; 0 if none is drawn. */
function oneOf(chances: [number, number][]) {
  let left = random();
  for (const [value, chance] of chances) {
    left -= chance;
    if (left < 0) return value;
  }
  return 0;
}
/** Share of 3 repeats of an item that pass. */
const passRate = (chance: number) => [0, 1, 2].filter(() => random() < chance).length / 3;

/** The difference of one item, and its true mean. */
const DISTRIBUTIONS: Record<string, [() => number, number]> = {
  'normal scores': [() => 0.05 + 0.3 * normal(), 0.05],
  'uniform scores': [() => random() - 0.4, 0.1],
  'passed or failed, few differ': [
    () =>
      oneOf([
        [-1, 0.02],
        [1, 0.05],
      ]),
    0.03,
  ],
  'passed or failed, some differ': [
    () =>
      oneOf([
        [-1, 0.05],
        [1, 0.1],
      ]),
    0.05,
  ],
  'passed or failed, half differ': [
    () =>
      oneOf([
        [-1, 0.25],
        [1, 0.25],
      ]),
    0,
  ],
  'grades in quarters': [
    () =>
      oneOf([
        [-0.5, 0.1],
        [0.5, 0.1],
        [1, 0.05],
        [-0.25, 0.05],
      ]),
    0.05 - 0.0125,
  ],
  'three repeats of each item': [
    () => {
      const chance = random() < 0.6 ? 1 : random();
      return passRate(chance) - passRate(0.9 * chance);
    },
    0.1 * (0.6 + 0.4 * 0.5),
  ],
  'a second answer that costs more': [() => exponential() - 0.5 * exponential(), 0.5],
  'costs of one side': [exponential, 1],
  'correlated costs with long tails': [
    () => {
      const item = normal();
      return Math.exp(0.7 * (item + normal())) - 0.8 * Math.exp(0.7 * (item + normal()));
    },
    0.2 * Math.exp(0.49),
  ],
};

async function coverage(draw: () => number, truth: number, items: Items) {
  const { covered } = await one<{ covered: number }>(
    db.pool,
    `select count(*) filter (where $3 between i.low - 1e-12 and i.high + 1e-12)::float8
       / count(*) as covered
     from generate_series(0, $4 - 1) as sample
     cross join lateral howdah_private.paired_interval(
       ($1::float8[])[sample * $2 + 1 : (sample + 1) * $2]) as i`,
    [Array.from({ length: SAMPLES[items] * items }, draw), ...[items, truth, SAMPLES[items]]],
  );
  return covered;
}

describe.each([20, 50, 200, 1000] as const)(
  'with %s items, at least 94 percent of the intervals',
  (items) => {
    test.each(Object.entries(DISTRIBUTIONS))(
      'of %s contain the truth',
      async (_, [draw, truth]) => {
        expect(await coverage(draw, truth, items)).toBeGreaterThanOrEqual(0.94);
      },
    );
  },
);

// The mean of 20 such values has itself a long tail: no method known to us reaches 95 %.
test('costs with a very long tail need 50 items', async () => {
  const cost = () => Math.exp(normal());
  expect(await coverage(cost, Math.exp(0.5), 20)).toBeGreaterThan(0.92);
  expect(await coverage(cost, Math.exp(0.5), 50)).toBeGreaterThanOrEqual(0.94);
});

test('repeats that are counted as items cover too little', async () => {
  const repeated = () => {
    const item = 0.3 * normal();
    return Array.from({ length: 5 }, () => item + 0.1 * normal());
  };
  const samples = Array.from({ length: 20 * SAMPLES[100] }, repeated).flat();
  let place = 0;
  expect(await coverage(() => samples[place++] ?? 0, 0, 100)).toBeLessThan(0.7);
});

test('the interval is about that of a studentized bootstrap of 2,000 resamples', async () => {
  for (const draw of [normal, exponential]) {
    const values = Array.from({ length: 100 }, draw);
    const [centre, error] = [mean(values), sampleStandardDeviation(values) / 10];
    const studentized = Array.from({ length: 2000 }, () => {
      const resample = values.map(() => values[Math.floor(random() * 100)] ?? 0);
      return (mean(resample) - centre) / (sampleStandardDeviation(resample) / 10);
    }).sort((a, b) => a - b);
    const low = centre - quantileSorted(studentized, 0.975) * error;
    const high = centre - quantileSorted(studentized, 0.025) * error;
    const [found] = await all<{ low: number; high: number }>(
      db.pool,
      'select low, high from howdah_private.paired_interval($1::float8[])',
      [values],
    );
    expect(Math.abs((found?.low ?? 0) - low)).toBeLessThan(0.5 * error);
    expect(Math.abs((found?.high ?? 0) - high)).toBeLessThan(0.5 * error);
  }
});

/** Draws of two groups, the second longer by half, and the true difference of their means. */
const GROUPS: Record<string, [() => number, () => number, number]> = {
  'normal scores': [() => 0.5 + 0.2 * normal(), () => 0.6 + 0.3 * normal(), 0.1],
  'passed or failed': [() => Number(random() < 0.8), () => Number(random() < 0.7), -0.1],
  'passed or failed, rarely failed': [
    () => Number(random() < 0.95),
    () => Number(random() < 0.98),
    0.03,
  ],
  'grades in quarters': [
    () =>
      oneOf([
        [1, 0.6],
        [0.75, 0.2],
        [0.5, 0.1],
      ]),
    () =>
      oneOf([
        [1, 0.7],
        [0.75, 0.1],
        [0.5, 0.1],
      ]),
    0.1 - 0.075,
  ],
  costs: [exponential, () => 0.8 * exponential(), -0.2],
};

async function groupCoverage(
  [first, second, truth]: [() => number, () => number, number],
  items: Items,
) {
  const more = items * 1.5;
  const { covered } = await one<{ covered: number }>(
    db.pool,
    `select count(*) filter (where $5 between i.low - 1e-12 and i.high + 1e-12)::float8
       / count(*) as covered
     from generate_series(0, $6 - 1) as sample
     cross join lateral howdah_private.independent_interval(
       ($1::float8[])[sample * $3 + 1 : (sample + 1) * $3],
       ($2::float8[])[sample * $4 + 1 : (sample + 1) * $4]) as i`,
    [
      Array.from({ length: SAMPLES[items] * items }, first),
      Array.from({ length: SAMPLES[items] * more }, second),
      ...[items, more, truth, SAMPLES[items]],
    ],
  );
  return covered;
}

describe.each([20, 50, 200] as const)(
  'with %s runs, at least 94 percent of the intervals of two groups',
  (items) => {
    test.each(Object.entries(GROUPS))('of %s contain the truth', async (_, group) => {
      expect(await groupCoverage(group, items)).toBeGreaterThanOrEqual(0.94);
    });
  },
);

/** Shares of results that both pass, the grader alone, people alone, and none. */
const TABLES: Record<string, [number, number, number, number]> = {
  'a fair grader': [0.6, 0.1, 0.1, 0.2],
  'a good grader': [0.45, 0.05, 0.05, 0.45],
  'a lenient grader': [0.5, 0.2, 0.05, 0.25],
  'a grader that is hardly asked to fail': [0.85, 0.05, 0.05, 0.05],
};

describe.each([50, 200] as const)(
  'with %s results, at least 92 percent of the intervals of kappa',
  (items) => {
    test.each(Object.entries(TABLES))('of %s contain the truth', async (_, [both, one_, other]) => {
      const labels = Array.from({ length: 2000 * items }, () => {
        const drawn = random();
        if (drawn < both) return ['t', 't'];
        if (drawn < both + one_) return ['t', 'f'];
        return drawn < both + one_ + other ? ['f', 't'] : ['f', 'f'];
      });
      const [passed, passedByPeople] = [both + one_, both + other];
      const chance = passed * passedByPeople + (1 - passed) * (1 - passedByPeople);
      const truth = (1 - one_ - other - chance) / (1 - chance);
      const { covered } = await one<{ covered: number }>(
        db.pool,
        `with samples as (
           select array_agg(a order by place) as a, array_agg(b order by place) as b
           from unnest($1::text[], $2::text[]) with ordinality as x (a, b, place)
           group by (place - 1) / $3)
         select avg((truth between i.low and i.high)::int)::float8 as covered
         from samples as s cross join (select $4::float8) as t (truth)
         cross join lateral howdah_private.cohens_kappa(s.a, s.b) as k
         cross join lateral howdah_private.kappa_interval(k.agreement, k.chance, $3::int) as i`,
        [labels.map(([a]) => a), labels.map(([, b]) => b), items, truth],
      );
      expect(covered).toBeGreaterThanOrEqual(0.92);
    });
  },
);
