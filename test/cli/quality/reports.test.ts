import { expect, test } from 'vitest';
import { junitOf, namesOf, type ReportedResult } from '../../../src/cli/quality/reports.ts';
import type { Evaluation } from '../../../src/operations/quality/evaluations.ts';

// How reports show results that did not pass.

const evaluation = {
  ...{ status: 'completed', items: 2, repeats: 2 },
  totals: { passed: 3, failed: 1, pass_rate: 0.75 },
} as Evaluation;

test('JUnit shows a cancelled run as skipped, and a failed one as an error', () => {
  const result = (passed: boolean | null, code: string): ReportedResult => ({
    ...{ item_id: 'i', execution_id: 'e', repeat: 1, scores: {}, cost: 0, latency_ms: 1 },
    ...{ passed, error: { code, message: 'why' } },
  });
  const results = [result(null, 'cancelled'), result(false, 'max_steps')];
  const report = { dataset: 'set', evaluation, inputs: new Map(), faults: [], comparison: null };
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
  const report = { dataset: 'set', evaluation, inputs, faults: [], comparison: null };
  const xml = junitOf({ ...report, results: [result, silent] });
  for (const part of [
    ...['name="What is 2 + 2? xxx', 'tone: It is rude.', 'failures="1" errors="1" skipped="0"'],
    'not_graded: tone: the judge failed: no model',
  ]) {
    expect(xml).toContain(part);
  }
});
