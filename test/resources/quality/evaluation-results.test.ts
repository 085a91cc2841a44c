import { expect, test } from 'vitest';
import { evaluationResults } from '../../../src/resources/quality/evaluation-results.ts';

const { conditions } = evaluationResults.filters;
const ID = '0197a000-0000-7000-8000-000000000001';

test('results are filtered by passed within an evaluation', () => {
  expect(conditions({ evaluation_id: ID, passed: false, limit: 50 })).toEqual([
    ['t.evaluation_id = ?', ID],
    ['t.passed = ?', false],
  ]);
});

test('passed without an evaluation is refused, and the hint says what to do', () => {
  expect(() => conditions({ passed: true })).toThrow(
    expect.objectContaining({
      message: 'passed needs evaluation_id',
      hint: 'Name the evaluation of the results as well.',
      detail: { field: 'passed' },
    }),
  );
});
