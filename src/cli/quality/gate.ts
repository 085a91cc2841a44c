import type { Evaluation, EvaluationComparison } from '../../operations/quality/evaluations.ts';

/** What an evaluation must reach. */
export type Gate = { failUnder?: number | undefined };

/**
 * Returns why the gate refuses an evaluation; an empty list if it does not. A difference to the
 * baseline counts only if it is outside the noise.
 */
export function gateFaults(
  { totals, status }: Evaluation,
  { failUnder }: Gate,
  comparison?: EvaluationComparison,
): string[] {
  const faults: string[] = [];
  const rate = totals.pass_rate ?? 0;
  if (status === 'cancelled') faults.push('the evaluation was cancelled');
  if (failUnder !== undefined && rate < failUnder) {
    faults.push(`the pass rate ${percent(rate)} is under ${percent(failUnder)}`);
  }
  for (const [name, figure] of [
    ['pass rate', comparison?.pass_rate],
    ['score', comparison?.score],
  ] as const) {
    if (figure?.verdict === 'lower') {
      faults.push(`the ${name} is ${percent(-(figure.difference ?? 0))} lower than before`);
    }
  }
  return faults;
}

/** Writes a share as a percentage. */
export const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;
