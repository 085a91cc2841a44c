import type { AgentDefinition, Team } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import { conditionFault, isConditionTrue } from '../teams/condition.ts';
import {
  begin,
  fail,
  finish,
  type MemberTask,
  runInputOf,
  taskFor,
  tasksOf,
  WAIT,
} from '../teams/tasks.ts';

/**
 * Returns the next action of a chain, which runs its members one after the other. Each member reads
 * the answer of the member before or, with `cumulative`, the task and all answers so far. With
 * `stop_when`, the first answer that satisfies the condition is the answer of the chain.
 */
export function nextChainAction(definition: AgentDefinition, state: RunState): Action {
  const { members, configuration } = definition.workflow as Team;
  const tasks = tasksOf(state);
  const fault =
    tasks.size === 0 && typeof configuration.stop_when === 'string'
      ? conditionFault(configuration.stop_when)
      : undefined;
  if (fault) {
    return fail('invalid_condition', `configuration.stop_when: ${fault}`);
  }
  const answers: { member: string; task: MemberTask }[] = [];
  for (const [index, member] of members.entries()) {
    const id = String(index + 1);
    const task = tasks.get(id);
    if (!task) {
      const input = nextInput(runInputOf(state), answers, configuration.cumulative === true);
      return begin(state, [taskFor(id, member, input)]);
    }
    if (task.state !== 'answered') {
      return task.state === 'live'
        ? WAIT
        : fail('member_failed', `member ${member.name} failed: ${task.error}`);
    }
    answers.push({ member: member.name, task });
    if (typeof configuration.stop_when === 'string') {
      const verdict = isConditionTrue(configuration.stop_when, task, member.name);
      if (!verdict.ok) {
        return fail('invalid_condition', `configuration.stop_when: ${verdict.message}`);
      }
      if (verdict.value) {
        break;
      }
    }
  }
  const last = answers.at(-1)?.task;
  return finish(last?.output ?? '', last?.data ?? null);
}

function nextInput(
  input: string,
  answers: readonly { member: string; task: MemberTask }[],
  isCumulative: boolean,
): string {
  if (!isCumulative) {
    return answers.at(-1)?.task.output ?? input;
  }
  return [input, ...answers.map(({ member, task }) => `${member}:\n${task.output}`)].join('\n\n');
}
