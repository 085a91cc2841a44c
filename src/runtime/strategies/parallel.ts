import type { AgentDefinition, Member, Team } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import { MAX_JOINED_BYTES, MAX_TEXT_BYTES } from '../../contracts/size-limits.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { interpolate } from '../messages/interpolate.ts';
import { failurePolicyOf } from '../teams/failure-policy.ts';
import { fanOut } from '../teams/fan-out.ts';
import { joinAnswers, type NamedTask, resultOf } from '../teams/join-answers.ts';
import { type MemberTask, memberNamed, runInputOf, taskFor, tasksOf } from '../teams/tasks.ts';
import { failTeam, finishTeam, finishWith, startTasks, WAIT } from '../teams/team-actions.ts';

const AGGREGATED = 'aggregate';

/**
 * Returns the next action of a parallel workflow, which gives all members the same task at once.
 * Their answers become one answer by a member, by a template, or by joining them.
 */
export function nextParallelAction(definition: AgentDefinition, state: RunState): Action {
  const team = definition.workflow as Team;
  const { configuration } = team;
  const tasks = tasksOf(state);
  const aggregator = memberNamed(team, String(configuration.aggregator));
  const members = team.members.filter((member) => member !== aggregator);
  const policy = failurePolicyOf(configuration, 'fail');
  const { named, pending } = fanOut(members, state, policy, configuration);
  if (pending) return pending;
  return fanIn(named, aggregator, tasks.get(AGGREGATED), state, configuration);
}

function fanIn(
  named: readonly NamedTask[],
  aggregator: Member | undefined,
  aggregated: MemberTask | undefined,
  state: RunState,
  { template }: JsonObject,
): Action {
  const answered = named.filter(({ task }) => task.state === 'answered');
  const outputs = joinAnswers(answered);
  const filled =
    typeof template === 'string'
      ? interpolate(
          template,
          valuesOf(answered, { input: runInputOf(state), outputs }),
          aggregator ? MAX_TEXT_BYTES : MAX_JOINED_BYTES,
        )
      : outputs;
  if (!aggregator) {
    return finishTeam(
      filled,
      Object.fromEntries(answered.map(({ name, task }) => [name, resultOf(task)])),
      answered.map(({ task }) => task),
    );
  }
  if (!aggregated) {
    const input = typeof template === 'string' ? filled : `${runInputOf(state)}\n\n${outputs}`;
    return startTasks(state, [taskFor(AGGREGATED, aggregator, input)], { wakes_on: 'each' });
  }
  if (aggregated.state === 'live') {
    return WAIT;
  }
  return aggregated.state === 'answered'
    ? finishWith(aggregated)
    : failTeam('member_failed', `the aggregator ${aggregator.name} failed: ${aggregated.error}`);
}

function valuesOf(
  answered: readonly NamedTask[],
  others: Record<string, Json>,
): Record<string, Json> {
  return {
    ...Object.fromEntries(answered.map(({ name, task }) => [name, task.output])),
    ...others,
  };
}
