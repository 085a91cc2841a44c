import type { Member } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import type { JsonObject } from '../../json/json.ts';
import { type FailurePolicy, teamFailure, wakesOn } from './failure-policy.ts';
import type { NamedTask } from './join-answers.ts';
import { runInputOf, taskFor, tasksOf } from './tasks.ts';
import { failTeam, type PlannedTask, startTasks, WAIT } from './team-actions.ts';

type Members = {
  policy: FailurePolicy;
  configuration: JsonObject;
  /** Tasks that have begun. */
  named: readonly NamedTask[];
  /** Tasks that have yet to begin. */
  missing: readonly PlannedTask[];
  /** Maximum number of tasks that one commit starts. */
  per_commit?: number;
};

/**
 * Gives every member the task of the run. Returns the tasks that have begun, and the run's next
 * action until all of them have ended.
 */
export function fanOut(
  members: readonly Member[],
  state: RunState,
  policy: FailurePolicy,
  configuration: JsonObject,
): { named: NamedTask[]; pending: Action | undefined } {
  const tasks = tasksOf(state);
  const named = members.flatMap(({ name }) => {
    const task = tasks.get(name);
    return task ? [{ name, task }] : [];
  });
  const missing = members
    .filter(({ name }) => !tasks.has(name))
    .map((member) => () => taskFor(member.name, member, runInputOf(state)));
  return { named, pending: pendingAction(state, { policy, configuration, named, missing }) };
}

/**
 * Returns the run's next action until all members have ended. `atOnce` is the default concurrency.
 */
export function pendingAction(
  state: RunState,
  { policy, configuration, named, missing, per_commit }: Members,
  atOnce?: number,
): Action | undefined {
  const failure = teamFailure(named, policy, configuration, missing.length);
  if (failure) return failTeam('member_failed', failure);
  if (missing.length > 0) {
    const most = configuration.max_concurrency ?? atOnce;
    const limit = {
      ...(most ? { at_once: Number(most) } : {}),
      ...(per_commit ? { per_commit } : {}),
    };
    return startTasks(state, missing, { wakes_on: wakesOn(policy), ...limit });
  }
  return named.some(({ task }) => task.state === 'live') ? WAIT : undefined;
}
