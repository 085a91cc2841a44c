import type { AgentDefinition, Team } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import { excessOf, findConditionFault } from '../teams/condition.ts';
import { type GraphTraversal, traverseGraph } from '../teams/graph-traversal.ts';
import { finishWithAnswers } from '../teams/join-answers.ts';
import { type MemberTask, memberNamed, taskFor, tasksOf } from '../teams/tasks.ts';
import { failTeam, startTasks, WAIT } from '../teams/team-actions.ts';

/**
 * Returns the next action of a graph workflow. Members are nodes. Edges determine the next member,
 * by a condition on the answer of a member. The answer of the workflow is that of the members after
 * which no member came.
 */
export function nextGraphAction(definition: AgentDefinition, state: RunState): Action {
  const team = definition.workflow as Team;
  const tasks = tasksOf(state);
  const excess = excessOf(team.configuration);
  if (excess) return failTeam('limit_reached', excess);
  const found = tasks.size === 0 ? findConditionFault(team.configuration) : undefined;
  if (found) return failTeam('invalid_condition', `${found.field}: ${found.fault}`);
  const walked = traverseGraph(team, state, tasks);
  if ('fault' in walked) {
    const { code, fault: message } = walked;
    return code === 'limit_reached'
      ? { type: 'fail', stop_reason: 'loop_guard', error: { code, message, retryable: false } }
      : failTeam(code, message);
  }
  const missing = walked.visits.filter(({ id }) => !tasks.has(id));
  if (missing.length > 0) {
    const newTasks = missing.flatMap(({ id, node, input }) => {
      const member = memberNamed(team, node);
      return member ? [taskFor(id, member, input)] : [];
    });
    return startTasks(state, newTasks);
  }
  return walked.isOver ? endOfGraph(walked, tasks) : WAIT;
}

function endOfGraph(
  { visits, ends }: GraphTraversal,
  tasks: ReadonlyMap<string, MemberTask>,
): Action {
  const last = ends.length > 0 ? ends : visits.slice(-1);
  return finishWithAnswers(
    last.flatMap(({ id, node }) => {
      const task = tasks.get(id);
      return task ? [{ name: node, task }] : [];
    }),
  );
}
