import type { Evaluation, EvaluationComparison } from '../../operations/quality/evaluations.ts';

/** Requirements for an evaluation. */
export type Gate = { failUnder?: number | undefined };

/**
 * Returns why the gate refuses an evaluation; an empty list if it does not. A difference to the
 * baseline counts only if it is outside the noise. What was not graded or compared does not pass.
 */
export function gateFaults(
  evaluation: Evaluation,
  { failUnder }: Gate,
  comparison?: EvaluationComparison,
): string[] {
  const { totals, status, items, repeats } = evaluation;
  const faults: string[] = [];
  const rate = totals.pass_rate ?? 0;
  const graded = (totals.passed ?? 0) + (totals.failed ?? 0);
  if (status === 'cancelled') faults.push('the evaluation was cancelled');
  if (failUnder !== undefined && rate < failUnder) {
    faults.push(`the pass rate ${percent(rate)} is under ${percent(failUnder)}`);
  }
  if (graded < items * repeats) {
    faults.push(`only ${graded} of ${items * repeats} runs passed or failed`);
  }
  if (comparison) faults.push(...comparisonFaults(evaluation, comparison));
  return faults;
}

function comparisonFaults({ items }: Evaluation, comparison: EvaluationComparison): string[] {
  const faults: string[] = [];
  if (comparison.a.status !== 'completed') {
    faults.push(`the evaluation before is ${comparison.a.status}`);
  }
  if (!comparison.has_equal_items) faults.push('the items of both evaluations differ');
  if (!comparison.has_equal_graders) faults.push('the graders of both evaluations differ');
  if (comparison.items < items) {
    faults.push(`only ${comparison.items} of ${items} items are graded in both evaluations`);
  }
  for (const [name, figure] of [
    ['pass rate', comparison.pass_rate],
    ['score', comparison.score],
  ] as const) {
    if (figure.verdict === 'lower') {
      faults.push(`the ${name} is ${percent(-(figure.difference ?? 0))} lower than before`);
    }
  }
  return faults;
}

/** Writes a share as a percentage. */
export const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;
