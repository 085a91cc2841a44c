import type { ChildWake } from '../../contracts/runs/step.ts';
import type { JsonObject } from '../../json/json.ts';
import type { MemberTask } from './tasks.ts';

/** Policy for the whole workflow when members fail. */
export type FailurePolicy = 'fail' | 'ignore' | 'quorum';

export function failurePolicyOf(
  { on_failure }: JsonObject,
  otherwise: FailurePolicy,
): FailurePolicy {
  return (on_failure as FailurePolicy | undefined) ?? otherwise;
}

/**
 * Returns which ends of children wake the run. Under `fail` the first failure decides; otherwise
 * only the last end does.
 */
export function wakesOn(policy: FailurePolicy): ChildWake {
  return policy === 'fail' ? 'failure' : 'last';
}

/**
 * Returns why the run fails, or undefined while nothing is decided or all is well. While members
 * have yet to begin, only the policy `fail` can decide.
 */
export function teamFailure(
  named: readonly { name: string; task: MemberTask }[],
  policy: FailurePolicy,
  { quorum }: JsonObject,
  missing = 0,
): string | undefined {
  const failed = named.filter(({ task }) => task.state === 'failed');
  const first = failed[0];
  const answered = named.filter(({ task }) => task.state === 'answered').length;
  const live = named.length - failed.length - answered;
  const needed = policy === 'quorum' ? Math.min(Number(quorum), named.length) : 1;
  if (!first || (missing > 0 && policy !== 'fail')) {
    return undefined;
  }
  if (policy === 'fail') {
    return `member ${first.name} failed: ${first.task.error}`;
  }
  return answered + live < needed
    ? `${answered} of ${named.length} members answered, but ${needed} answers are required; ${first.name}: ${first.task.error}`
    : undefined;
}
