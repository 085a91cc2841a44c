import fc from 'fast-check';
import { mean, sampleCovariance, sampleStandardDeviation, sampleVariance } from 'simple-statistics';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Worker } from '../../workers/start-worker.ts';
import { waitForEnd } from '../runtime/arrange.ts';
import { all, one } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { applyPack } from './support.ts';

const database = testDatabase();
let worker: Worker;
beforeAll(async () => {
  worker = await startTestWorker(database.url);
  expect(await applyPack(database.url, 'finance')).toMatchObject({ status: 0 });
});
afterAll(async () => {
  await worker.stop(0);
});

/** Returns the value of an expression, as the number that a tool returns. */
const figure = async (expression: string, ...values: unknown[]): Promise<number> =>
  Number((await one(database.pool, `select ${expression} as v`, values)).v);

describe('published results', () => {
  test.each<[string, string, number, number]>([
    // Microsoft Excel documentation, NPV: four flows at the ends of years, then the first one now
    ['NPV', 'finance.npv(0.1, array[-10000, 3000, 4200, 6800], 1)', 1188.44, 2],
    ['NPV', 'finance.npv(0.08, array[-40000, 8000, 9200, 10000, 12000, 14500])', 1922.06, 2],
    [
      'NPV',
      'finance.npv(0.08, array[-40000, 8000, 9200, 10000, 12000, 14500, -9000])',
      -3749.47,
      2,
    ],
    // Adobe LiveCycle Designer, FormCalc user reference, NPV
    ['NPV', 'finance.npv(0.1, array[500, 1500, 4000, 10000], 1)', 11529.60863329, 8],
    // Microsoft Excel documentation, IRR
    ['IRR', 'finance.irr(array[-70000, 12000, 15000, 18000, 21000])', -0.021, 3],
    ['IRR', 'finance.irr(array[-70000, 12000, 15000, 18000, 21000, 26000])', 0.087, 3],
    ['IRR', 'finance.irr(array[-70000, 12000, 15000])', -0.444, 3],
    // Microsoft knowledge base Q116041, XIRR
    [
      'XIRR',
      `finance.xirr(array[-10000, 2750, 4250, 3250, 2750],
        '{1992-01-01, 1992-03-01, 1992-10-30, 1993-02-15, 1993-04-01}')`,
      0.373363,
      6,
    ],
    // Microsoft Excel documentation, XIRR and XNPV
    [
      'XIRR',
      `finance.xirr(array[-10000, 2750, 4250, 3250, 2750],
        '{2008-01-01, 2008-03-01, 2008-10-30, 2009-02-15, 2009-04-01}')`,
      0.373362535,
      8,
    ],
    [
      'XNPV',
      `finance.xnpv(0.09, array[-10000, 2750, 4250, 3250, 2750],
        '{2008-01-01, 2008-03-01, 2008-10-30, 2009-02-15, 2009-04-01}')`,
      2086.647602,
      6,
    ],
    // Microsoft Excel documentation, PMT, FV and PV (in which payments are negative)
    ['PMT', 'finance.loan_payment(10000, 0.08 / 12, 10)', 1037.03, 2],
    ['FV', 'finance.future_value(0, 0.12 / 12, 12, 1000)', 12682.5, 2],
    ['PV', 'finance.present_value(500, 0.08 / 12, 20 * 12)', 59777.15, 2],
    // Investopedia, Maximum Drawdown; YCharts, Max Drawdown
    [
      'MDD',
      'finance.max_drawdown(array[500000, 750000, 400000, 600000, 350000, 800000])',
      -0.5333,
      4,
    ],
    ['MDD', 'finance.max_drawdown(array[100, 150, 90, 120, 80, 200])', -0.4667, 4],
    // Wikipedia, Compound annual growth rate
    ['CAGR', 'finance.cagr(9000, 13000, 3)', 0.13, 2],
    // Wikipedia, Standard deviation: sample of the eight grades
    ['volatility', 'finance.volatility(array[2, 4, 4, 4, 5, 5, 7, 9], 1)', 2.138, 3],
    // Apple Inc., Form 10-K 2021: balance sheet and income statement in millions, and its ratios
    ['current ratio', 'finance.current_ratio(134836, 125481)', 1.0746, 4],
    ['gross margin', 'finance.gross_margin(365817, 212981)', 0.418, 3],
    ['EPS', 'finance.earnings_per_share(94680, 0, 16701.272)', 5.67, 2],
    ['debt to equity', 'finance.debt_to_equity(287912, 63090)', 4.5635, 4],
  ])('%s: %s', async (_, expression, expected, digits) => {
    expect(await figure(expression)).toBeCloseTo(expected, digits);
  });

  test('a loan is repaid by its schedule', async () => {
    const rows = await all(
      database.pool,
      'select * from finance.loan_schedule(10000, 0.08 / 12, 10)',
    );
    expect(rows).toHaveLength(10);
    expect(rows[0]).toEqual({
      period: 1,
      payment: '1037.03',
      interest: '66.67',
      repayment: '970.36',
      balance: '9029.64',
    });
    expect(rows.at(-1)).toMatchObject({ period: 10, balance: '0.00' });
  });

  test('payback interpolates linearly within a period', async () => {
    expect(await figure('finance.payback_period(array[-1000, 400, 400, 400])')).toBe(2.5);
    expect(await figure('finance.payback_period(array[-1000, 600, 600], 0.1)')).toBeCloseTo(
      1.9167,
      4,
    );
    expect(await figure('finance.payback_period(array[5, 5])')).toBe(0);
  });
});

describe('properties', () => {
  const cents = fc.integer({ min: 1, max: 10_000_000 }).map((n) => n / 100);
  const rate = fc.integer({ min: -4000, max: 30_000 }).map((n) => n / 10_000);
  const returns = fc.array(
    fc.integer({ min: -5000, max: 5000 }).map((n) => n / 10_000),
    {
      minLength: 3,
      maxLength: 30,
    },
  );
  const checkProperty = <T>(arbitrary: fc.Arbitrary<T>, claim: (value: T) => Promise<void>) =>
    fc.assert(fc.asyncProperty(arbitrary, claim), { numRuns: 40 });

  test('the internal rate of return makes the present value zero', () =>
    checkProperty(
      fc.tuple(cents, fc.array(cents, { minLength: 1, maxLength: 12 })),
      async ([out, flows]) => {
        const all = [-out, ...flows];
        const [irr, total] = [
          await figure('finance.irr($1)', all).catch((error: Error) => {
            expect(error.message).toMatch(/^there is no rate between/);
            return null;
          }),
          out + flows.reduce((a, b) => a + b),
        ];
        if (irr === null) return; // thousands of percent
        expect(Math.abs(await figure('finance.npv($1, $2)', irr, all))).toBeLessThan(1e-6 * total);
      },
    ));

  test('a value compounded over years has grown by its rate', () =>
    checkProperty(
      fc.tuple(cents, rate, fc.integer({ min: 1, max: 40 })),
      async ([value, r, years]) => {
        const grown = await figure('finance.future_value($1, $2, $3)', value, r, years);
        if (grown < 0.01) return; // ten digits are not precise enough
        expect(await figure('finance.cagr($1, $2, $3)', value, grown, years)).toBeCloseTo(r, 6);
      },
    ));

  test('the payments of a loan are worth the loan, and its schedule repays it', () =>
    checkProperty(
      fc.tuple(
        cents,
        fc.integer({ min: 0, max: 500 }).map((n) => n / 10_000),
        fc.integer({ min: 1, max: 120 }),
      ),
      async ([principal, r, periods]) => {
        const payment = await figure('finance.loan_payment($1, $2, $3)', principal, r, periods);
        expect(await figure('finance.present_value($1, $2, $3)', payment, r, periods)).toBeCloseTo(
          principal,
          3,
        );
        const { repaid, left } = await one(
          database.pool,
          `select sum(repayment) as repaid, min(balance) filter (where period = $3) as left from finance.loan_schedule($1, $2, $3)`,
          [principal, r, periods],
        );
        expect([Number(repaid), Number(left)]).toEqual([principal, 0]);
      },
    ));

  test('simple and logarithmic returns describe the same growth', () =>
    checkProperty(fc.tuple(cents, cents), async ([from, to]) => {
      const simple = await figure('finance.simple_return($1, $2)', from, to);
      expect(
        Math.expm1(await figure('finance.log_return($1, $2)', from, to)) / simple || 1,
      ).toBeCloseTo(1, 3);
    }));

  test('deviation, Sharpe ratio and beta match another library', () =>
    checkProperty(fc.tuple(returns, fc.integer({ min: -3, max: 3 })), async ([series, slope]) => {
      const market = series.map((one, at) => one * slope + (at % 3) / 100);
      const deviation = sampleStandardDeviation(series);
      expect(await figure('finance.volatility($1, 12)', series)).toBeCloseTo(
        deviation * Math.sqrt(12),
        8,
      );
      if (deviation > 0.001) {
        const sharpe = ((mean(series) - 0.001) / deviation) * Math.sqrt(12);
        expect(await figure('finance.sharpe_ratio($1, 0.001, 12)', series)).toBeCloseTo(sharpe, 6);
      }
      if (sampleVariance(market) > 1e-5) {
        const beta = sampleCovariance(series, market) / sampleVariance(market);
        expect(await figure('finance.beta($1, $2)', series, market)).toBeCloseTo(beta, 6);
      }
    }));

  test('a drawdown lies between -1 and 0, and is 0 for a rising series', () =>
    checkProperty(fc.array(cents, { minLength: 1, maxLength: 30 }), async (values) => {
      const drawdown = await figure('finance.max_drawdown($1)', values);
      expect(drawdown).toBeGreaterThan(-1);
      expect(drawdown).toBeLessThanOrEqual(0);
      expect(
        await figure(
          'finance.max_drawdown($1)',
          values.toSorted((a, b) => a - b),
        ),
      ).toBe(0);
    }));
});

describe('impossible calculations', () => {
  test.each<[string, RegExp]>([
    ['finance.irr(array[1, 2, 3])', /at least one payment out/],
    ['finance.irr(array[-1])', /at least 2 numbers/],
    ['finance.irr(array[-1, null, 2])', /without nulls/],
    ['finance.npv(-1, array[1, 2])', /rate must be a fraction above/],
    [`finance.xirr(array[-1, 2], '{2020-01-01}')`, /cash_flows has 2 entries and dates has 1/],
    [`finance.xirr(array[-1, 2], '{2020-01-02, 2020-01-01}')`, /none before the first/],
    ['finance.payback_period(array[-10, 1])', /never pay back/],
    ['finance.loan_payment(100, 0.01, 0)', /periods must be a whole number/],
    ['finance.beta(array[1, 2, 3], array[1, 2])', /must have the same number/],
    ['finance.current_ratio(1, 0)', /division by zero/],
  ])('%s fails with the reason', async (expression, words) => {
    await expect(figure(expression)).rejects.toThrow(words);
  });
});

describe('the pack', () => {
  test('names a formula and a source for each tool, and is unchanged when applied again', async () => {
    const tools = await all(
      database.pool,
      `select t.name, t.description, t.effect from howdah.tools as t
       join howdah.agent_systems as s on s.id = t.agent_system_id where s.name = 'finance'`,
    );
    expect(tools).toHaveLength(34);
    for (const { description, effect } of tools) {
      expect(description).toMatch(/Source: .+\.$/);
      expect(effect).toBe('pure');
    }
    const again = await applyPack(database.url, 'finance');
    expect(again.stdout.match(/^(create|change|delete).*/gm)).toBeNull();
  });

  test('has an agent that answers without an API key', async () => {
    const question =
      'What is the current ratio with current assets of 134836 and current liabilities of 125481?';
    const { id } = await one(database.pool, `select id from howdah.run('finance', $1)`, [question]);
    const run = await waitForEnd(database.pool, id);
    expect(run).toMatchObject({ status: 'completed' });
    expect(run.output).toContain('1.0745531196');
  });

  test('is removed when pruned', async () => {
    const { rows } = await database.pool.query(
      `select howdah.apply_agent_system('{"version": "v1", "name": "finance"}', prune => true) as plan`,
    );
    const deleted = (kind: string) =>
      rows[0].plan.objects.filter(
        (one: { kind: string; action: string }) => one.kind === kind && one.action === 'delete',
      );
    expect([
      deleted('function').length > 34,
      deleted('tool').length,
      deleted('agent').length,
    ]).toEqual([true, 34, 1]);
    expect(await one(database.pool, `select to_regnamespace('finance') as s`)).toEqual({ s: null });
  });
});
