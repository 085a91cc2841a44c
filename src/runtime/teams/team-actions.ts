import type { RunError } from '../../contracts/errors.ts';
import type { Action, NewTask, RunState, TeamDecision } from '../../contracts/runs/action.ts';
import type { ChildWake, StopReason } from '../../contracts/runs/step.ts';
import type { Json } from '../../json/json.ts';

/**
 * Maximum number of members that start with one commit, because a commit of thousands would make
 * the runs of others wait.
 */
export const MOST_MEMBERS_PER_COMMIT = 100;

/**
 * Returns the action that starts tasks, or that fails the run when a limit is used up. Of many
 * tasks only the first ones start. The run continues at once. Its strategy then finds these tasks
 * in the log, and starts the next ones.
 */
export function startTasks(
  { exhausted }: RunState,
  tasks: NewTask[],
  options: { wakes_on?: ChildWake; at_once?: number; decision?: TeamDecision } = {},
): Action {
  if (exhausted) return failAtLimit(exhausted);
  const first = tasks.slice(0, MOST_MEMBERS_PER_COMMIT);
  const isPart = first.length < tasks.length;
  return { type: 'begin_members', tasks: first, ...options, ...(isPart ? { goes_on: true } : {}) };
}

/** The action that waits for the members that have started. */
export const WAIT = { type: 'wait', for: 'child' } as const satisfies Action;

/** Returns the action that fails a workflow whose limit is used up. */
export function failAtLimit(reason: StopReason): Action {
  const message = `the run and its members have used up the limit ${reason}`;
  return { type: 'fail', stop_reason: reason, error: error('limit_reached', message) };
}

/** Returns the action that ends a workflow with its answer. */
export function finishTeam(output: string, data: Json = null): Action {
  return { type: 'finish', output, output_data: data };
}

/**
 * Returns the action that ends a workflow without an answer. The reason has a code of its own: only
 * `member_failed` is the fault of a member.
 */
export function failTeam(
  code: RunError['code'],
  message: string,
  cause?: Json,
): Extract<Action, { type: 'fail' }> {
  const plain = error(code, message);
  return {
    type: 'fail',
    stop_reason: 'error',
    error: cause === undefined ? plain : { ...plain, cause },
  };
}

function error(code: RunError['code'], message: string): RunError {
  return { code, message, retryable: false };
}
