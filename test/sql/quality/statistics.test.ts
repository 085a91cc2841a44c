import { mean, sampleSkewness, sampleStandardDeviation, sampleVariance } from 'simple-statistics';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, one, refusal } from '../support.ts';

// The statistics of evaluations, compared with published values.

const db = testDatabase();

type Interval = { items: number; estimate: number; low: number; high: number; verdict: string };

const compare = (differences: unknown[]) =>
  one<Interval>(db.pool, 'select * from howdah_private.paired_interval($1::float8[])', [
    differences,
  ]);

const value = async (expression: string, values: unknown[] = []) =>
  (await one<{ value: number | null }>(db.pool, `select ${expression} as value`, values)).value;

describe('intervals', () => {
  test('quantiles of the t distribution', async () => {
    const published = { 1: 12.7062, 2: 4.30265, 3: 3.18245, 4: 2.77645, 5: 2.57058, 10: 2.22814 };
    const more = { 19: 2.09302, 30: 2.04227, 100: 1.98397, 999: 1.96234, 100000: 1.95998 };
    for (const [freedom, quantile] of Object.entries({ ...published, ...more })) {
      const computed = await value('howdah_private.student_quantile($1)', [freedom]);
      expect(Math.abs((computed ?? 0) / quantile - 1)).toBeLessThan(1e-4);
    }
    expect(await value('howdah_private.student_quantile(0)')).toBeNull();
  });

  // Cushny and Peebles (1905), as analysed by Student: the paired t-test gives [0.7001, 2.4599].
  test('the hours of sleep of Student, and the wider side for their skewness', async () => {
    const hours = [1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4];
    const found = await compare(hours);
    expect(found).toMatchObject({ items: 10, verdict: 'higher' });
    expect(found.estimate).toBeCloseTo(mean(hours), 12);
    expect(found.low).toBeCloseTo(0.7001142, 4);
    expect(sampleSkewness(hours)).toBeGreaterThan(1);
    expect(found.high).toBeGreaterThan(2.4598858);
    expect((await compare(hours.map((h) => -h))).low).toBeCloseTo(-found.high, 12);
  });

  // Fagerland, Lydersen and Laake (2014), airway hyper-responsiveness: [-0.51, -0.01].
  test('passed and failed have the adjusted interval of Bonett and Price', async () => {
    const differences = [...Array(13).fill(0), 1, ...Array(7).fill(-1)];
    const found = await compare(differences);
    expect(found).toMatchObject({ items: 21, verdict: 'lower' });
    expect(found.estimate).toBeCloseTo(-6 / 21, 12);
    expect(found.low).toBeCloseTo(-0.5084, 3);
    expect(found.high).toBeCloseTo(-0.0134, 3);
  });

  test('amounts without any difference have no width, unlike passed and failed', async () => {
    const zeros = Array(12).fill(0);
    expect(await compare(zeros)).toMatchObject({ estimate: 0, verdict: 'inside the noise' });
    expect((await compare(zeros)).high).toBeGreaterThan(0.1);
    const amounts = [
      ['select * from howdah_private.paired_interval($1::float8[], true)', [zeros]],
      ['select * from howdah_private.independent_interval($1, $1::float8[], true)', [zeros]],
    ] as const;
    for (const [text, values] of amounts) {
      expect(await one<Interval>(db.pool, text, [...values])).toMatchObject({
        ...{ estimate: 0, low: 0, high: 0, verdict: 'inside the noise' },
      });
    }
    const [text] = amounts[0];
    const rare = await one<Interval>(db.pool, text, [[...zeros, 1]]);
    expect(rare.low).toBeLessThan(-0.1);
    expect(rare.high).toBeLessThan(1);
  });

  const compareGroups = (firsts: unknown[], seconds: unknown[]) =>
    one<Interval>(
      db.pool,
      'select * from howdah_private.independent_interval($1::float8[], $2::float8[])',
      [firsts, seconds],
    );

  // The data of Student again, as two groups: Welch's t-test gives [-0.2054832, 3.3654832] with
  // 17.776 degrees of freedom, which are 17 here.
  test('two groups have the interval of Welch', async () => {
    const first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2];
    const second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
    const found = await compareGroups([...first, null], second);
    expect(found).toMatchObject({ verdict: 'inside the noise' });
    expect(found.estimate).toBeCloseTo(1.58, 12);
    expect(found.low).toBeCloseTo(-0.2054832, 1);
    expect(found.low).toBeLessThan(-0.2054832);
    const opposite = await compareGroups(second, first);
    expect(opposite.high).toBeCloseTo(-found.low, 12);
  });

  // Newcombe (1998), example a: 56 of 70 and 48 of 80.
  test('two groups of passed and failed have the interval of Agresti and Caffo', async () => {
    const group = (passed: number, all: number) =>
      Array.from({ length: all }, (_, at) => Number(at < passed));
    const found = await compareGroups(group(48, 80), group(56, 70));
    expect(found).toMatchObject({ verdict: 'higher' });
    expect(found.estimate).toBeCloseTo(0.2, 12);
    expect(found.low).toBeCloseTo(0.0525, 3);
    expect(found.high).toBeCloseTo(0.3358, 3);
    expect(await compareGroups(group(2, 2), group(0, 2))).toMatchObject({
      verdict: 'inside the noise',
    });
  });

  test('two groups without spread are compared with care', async () => {
    expect(await compareGroups(Array(2).fill(0.1), Array(2).fill(0.2))).toMatchObject({
      verdict: 'inside the noise',
    });
    expect(await compareGroups(Array(50).fill(0.1), Array(50).fill(0.2))).toMatchObject({
      verdict: 'higher',
    });
    for (const [firsts, seconds, verdict] of [
      [[], [], null],
      [[1], [], null],
      [[1], [2], 'inside the noise'],
      [[1, 2], [3], 'inside the noise'],
    ] as const) {
      expect(await compareGroups([...firsts], [...seconds])).toMatchObject({
        ...{ low: null, high: null, verdict },
      });
    }
    expect(await compare([])).toMatchObject({ estimate: null, verdict: null });
  });

  test('no difference among few items is inside the noise, with an interval', async () => {
    const found = await compare(Array(20).fill(0));
    expect(found).toMatchObject({ estimate: 0, verdict: 'inside the noise' });
    expect(found.high).toBeGreaterThan(0.1);
    expect(found.low).toBe(-found.high);
  });

  test('one item or none proves nothing; nulls are left out', async () => {
    expect(await compare([])).toMatchObject({ items: 0, estimate: null, low: null });
    expect(await compare([null, 0.4])).toMatchObject({ items: 1, estimate: 0.4, low: null });
    expect(await compare([1])).toMatchObject({ verdict: 'inside the noise', high: 1 });
    expect(await compare([null, 0.3, 0.4, 0.5])).toMatchObject({ items: 3 });
  });

  test('a value that is no number is refused', async () => {
    for (const wrong of ['NaN', 'Infinity']) {
      expect(await refusal(compare([0.5, wrong]))).toMatchObject({
        code: 'HWINV',
        fields: { field: 'scores' },
      });
    }
  });

  // Newcombe (1998), the score method.
  test.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('the pass rate of %s of %s items', async (passes, items, low, high) => {
    const found = await one<{ low: number; high: number }>(
      db.pool,
      'select * from howdah_private.pass_rate_interval($1, $2)',
      [passes / items, items],
    );
    expect(found.low).toBeCloseTo(low, 4);
    expect(found.high).toBeCloseTo(high, 4);
  });
});

describe('repeats of an item', () => {
  test('pass^k is the share of sets of k repeats that all passed', async () => {
    const passHatK = (...args: number[]) => value('howdah_private.pass_hat_k($1, $2, $3)', args);
    expect(await passHatK(3, 4, 2)).toBeCloseTo(3 / 6, 12);
    expect(await passHatK(6, 8, 4)).toBeCloseTo(15 / 70, 12);
    expect(await passHatK(5, 8, 1)).toBeCloseTo(5 / 8, 12);
    expect(await passHatK(8, 8, 8)).toBe(1);
    expect(await passHatK(3, 8, 4)).toBe(0);
    expect(await passHatK(3, 3, 4)).toBeNull();
    expect(await passHatK(900, 1000, 500)).toBeGreaterThan(0);
  });

  test('flakiness is the share of pairs of repeats that differ', async () => {
    const flakiness = (...args: number[]) => value('howdah_private.flakiness($1, $2)', args);
    for (const [passes, repeats] of [
      [2, 4],
      [1, 5],
      [0, 3],
      [7, 7],
    ] as const) {
      const outcomes = Array.from({ length: repeats }, (_, i) => (i < passes ? 1 : 0));
      // For outcomes of 0 and 1 it is twice the variance.
      expect(await flakiness(passes, repeats)).toBeCloseTo(2 * sampleVariance(outcomes), 12);
      expect(sampleStandardDeviation(outcomes)).toBeGreaterThanOrEqual(0);
    }
    expect(await flakiness(1, 1)).toBeNull();
  });
});

describe('agreement', () => {
  const kappa = (first: unknown[], second: unknown[]) =>
    one(db.pool, 'select * from howdah_private.cohens_kappa($1::text[], $2::text[])', [
      first,
      second,
    ]);

  test('Cohen’s kappa of two readers of 50 grant proposals is 0.4', async () => {
    const first = [...Array(25).fill('yes'), ...Array(25).fill('no')];
    const second = [
      ...Array(20).fill('yes'),
      ...Array(5).fill('no'),
      ...Array(10).fill('yes'),
      ...Array(15).fill('no'),
    ];
    const found = await kappa(first, second);
    expect(found).toMatchObject({ items: 50, agreement: 0.7 });
    expect(found.kappa).toBeCloseTo(0.4, 12);
  });

  test('labels without overlap, of one kind, or missing', async () => {
    expect(await kappa(['a', 'a'], ['b', 'b'])).toMatchObject({ agreement: 0, kappa: 0 });
    expect(await kappa(['a', 'a'], ['a', 'a'])).toMatchObject({ agreement: 1, kappa: null });
    expect(await kappa(['a', null, 'b'], ['a', 'b', 'b'])).toMatchObject({ items: 2, kappa: 1 });
    expect(await kappa([], [])).toMatchObject({ items: 0, kappa: null });
  });

  test('the calibration error weighs bins by their items', async () => {
    const error = (confidences: unknown[], outcomes: unknown[]) =>
      value('howdah_private.calibration_error($1::float8[], $2::boolean[])', [
        confidences,
        outcomes,
      ]);
    // Bins 0.9–1: |0.95 - 0.5| for two items. Bin 0.6–0.7: |0.65 - 1| for one.
    expect(await error([0.9, 1, 0.65], [true, false, true])).toBeCloseTo((0.9 + 0.35) / 3, 12);
    expect(await error([1, 1, 0], [true, true, false])).toBe(0);
    expect(await error([0.5, null], [null, true])).toBeNull();
  });
});

describe('rankings', () => {
  // Agresti (1990), American League East 1987. Log strengths relative to Baltimore.
  const TEAMS = ['Milwaukee', 'Detroit', 'Toronto', 'New York', 'Boston', 'Cleveland', 'Baltimore'];
  const WINS = [
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
  ];
  type Ranked = { name: string; strength: number; rank: number; wins: number; comparisons: number };
  const rank = (games: [string, string, number][], prior = 0.5) =>
    all<Ranked>(db.pool, 'select * from howdah_private.bradley_terry($1, $2, $3, $4)', [
      games.map((game) => game[0]),
      games.map((game) => game[1]),
      games.map((game) => game[2]),
      prior,
    ]);

  test('strengths of baseball teams', async () => {
    const games = WINS.flatMap((row, i) =>
      row.flatMap((wins, j) =>
        Array.from({ length: wins }, (): [string, string, number] => [
          TEAMS[i] ?? '',
          TEAMS[j] ?? '',
          1,
        ]),
      ),
    );
    const ranked = await rank(games, 0);
    expect(ranked.map(({ name }) => name)).toEqual(TEAMS);
    const last = ranked.at(-1)?.strength ?? 0;
    const logs = ranked.map(({ strength }) => Math.log(strength / last));
    const published = [1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0];
    for (const [i, log] of logs.entries()) expect(log).toBeCloseTo(published[i] ?? 0, 3);
    expect(mean(ranked.map(({ strength }) => Math.log(strength)))).toBeCloseTo(0, 8);
    expect(ranked[0]).toMatchObject({ name: 'Milwaukee', rank: 1, comparisons: 78, wins: 50 });
  });

  test('one that wins thousands of games, and never loses, is fitted exactly', async () => {
    const wins = 5_000;
    const ranked = await rank(
      Array.from({ length: wins }, (): [string, string, number] => ['a', 'b', 1]),
    );
    const [best, worst] = ranked.map(({ strength }) => strength) as [number, number];
    expect(best * worst).toBeCloseTo(1, 8);
    // the derivative of the likelihood, with half a win and half a loss against an average one
    const expected = (wins * best) / (best + worst) + best / (best + 1);
    expect(expected).toBeCloseTo(wins + 0.5, 6);
  });

  test('one that always wins, ties, and comparisons that count nothing', async () => {
    const ranked = await rank([
      ['a', 'b', 1],
      ['a', 'b', 1],
      ['b', 'c', 0.5],
      ['c', 'c', 1],
    ]);
    expect(ranked.map(({ name, rank }) => [name, rank])).toEqual([
      ['a', 1],
      ['c', 2],
      ['b', 3],
    ]);
    expect(ranked.every(({ strength }) => Number.isFinite(strength) && strength > 0)).toBe(true);
    expect(await rank([])).toEqual([]);
  });

  test('the Pareto front has those that none beats in quality, cost and time', async () => {
    const front = (...measures: (number | null)[][]) =>
      value(
        `howdah_private.pareto_front(${measures.map((_, i) => `$${i + 1}::float8[]`).join(', ')})`,
        measures,
      );
    const [quality, cost] = [
      [0.9, 0.8, 0.7, 0.8, null],
      [3, 2, 2.5, 2, 1],
    ];
    expect(await front(quality, cost)).toEqual([true, true, false, true, null]);
    expect(await front(quality, cost, [5, 5, 1, 6, 1])).toEqual([true, true, true, false, null]);
  });
});
