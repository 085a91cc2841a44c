import { describe, expect, test } from 'vitest';
import { gateFaults } from '../../../src/cli/quality/gate.ts';
import { junitOf, namesOf, type ReportedResult } from '../../../src/cli/quality/reports.ts';
import type {
  Evaluation,
  EvaluationComparison,
} from '../../../src/operations/quality/evaluations.ts';

// What the gate of evaluations refuses, and how reports show cancelled runs.

const evaluation = (more: Partial<Evaluation> = {}) =>
  ({
    ...{ status: 'completed', items: 2, repeats: 2 },
    totals: { passed: 3, failed: 1, pass_rate: 0.75 },
    ...more,
  }) as Evaluation;

const comparison = (more: object = {}) =>
  ({
    ...{ a: { status: 'completed' }, items: 2, has_equal_items: true, has_equal_graders: true },
    ...{ pass_rate: { verdict: 'inside the noise' }, score: { verdict: 'higher' } },
    ...more,
  }) as EvaluationComparison;

describe('the gate', () => {
  test('passes an evaluation that is graded and compared in full', () => {
    expect(gateFaults(evaluation(), { failUnder: 0.75 }, comparison())).toEqual([]);
  });

  test('refuses if runs were not graded, though all others passed', () => {
    const totals = { passed: 3, failed: 0, cancelled: 1, pass_rate: 1 };
    expect(gateFaults(evaluation({ totals }), { failUnder: 1 })).toEqual([
      'only 3 of 4 runs passed or failed',
    ]);
    expect(gateFaults(evaluation({ totals: {} }), {})).toHaveLength(1);
  });

  test.each([
    [{ a: { status: 'cancelled' } }, 'the evaluation before is cancelled'],
    [{ items: 1 }, 'only 1 of 2 items are graded in both evaluations'],
    [{ has_equal_items: false }, 'the items of both evaluations differ'],
    [{ has_equal_graders: false }, 'the graders of both evaluations differ'],
  ])('refuses a comparison with %j', (more, fault) => {
    expect(gateFaults(evaluation(), {}, comparison(more))).toEqual([fault]);
  });
});

test('JUnit shows a cancelled run as skipped, and a failed one as an error', () => {
  const result = (passed: boolean | null, code: string): ReportedResult => ({
    ...{ item_id: 'i', execution_id: 'e', repeat: 1, scores: {}, cost: 0, latency_ms: 1 },
    ...{ passed, error: { code, message: 'why' } },
  });
  const results = [result(null, 'cancelled'), result(false, 'max_steps')];
  const report = { dataset: 'set', evaluation: evaluation(), inputs: new Map(), faults: [] };
  expect(junitOf({ ...report, results })).toContain(
    'tests="2" failures="0" errors="1" skipped="1"',
  );
});

test('JUnit shows what a judge said, that a judge failed, and the beginning of the input', () => {
  const result: ReportedResult = {
    ...{ item_id: 'i', execution_id: 'e', repeat: 1, cost: 0, latency_ms: 1 },
    ...{ passed: false, error: null },
    scores: { tone: { score: 0.2, passed: false, detail: 'It is rude.' } },
  };
  const silent: ReportedResult = {
    ...{ ...result, item_id: 'j', passed: null },
    scores: { tone: { passed: null, error: 'the judge failed: no model' } },
    error: { code: 'not_graded', message: 'tone: the judge failed: no model' },
  };
  const inputs = namesOf([
    { id: 'i', input: `What\nis 2 + 2? ${'x'.repeat(100)}` },
    { id: 'j', input: '', input_data: { order: 7 } },
    { id: 'k', input: 'Same' },
    { id: 'l', input: 'Same' },
  ]);
  expect([inputs.get('j'), inputs.get('k')]).toEqual(['{"order":7}', 'Same (k)']);
  const report = { dataset: 'set', evaluation: evaluation(), inputs, faults: [] };
  const xml = junitOf({ ...report, results: [result, silent] });
  for (const part of [
    ...['name="What is 2 + 2? xxx', 'tone: It is rude.', 'failures="1" errors="1" skipped="0"'],
    'not_graded: tone: the judge failed: no model',
  ]) {
    expect(xml).toContain(part);
  }
});
