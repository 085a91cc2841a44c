import type { AgentDefinition, Team } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import { MAX_TEXT_BYTES } from '../../contracts/size-limits.ts';
import { excessOf, findConditionFault, isConditionTrue } from '../teams/condition.ts';
import { joinAnswers, type NamedTask } from '../teams/join-answers.ts';
import { runInputOf, taskFor, tasksOf } from '../teams/tasks.ts';
import { failTeam, finishTeam, finishWith, startTasks, WAIT } from '../teams/team-actions.ts';

/**
 * Returns the next action of a chain, which runs its members one after the other. Each member reads
 * the answer of the member before or, with `cumulative`, the task and all answers so far. With
 * `stop_when`, the first answer that satisfies the condition is the answer of the chain.
 */
export function nextChainAction(definition: AgentDefinition, state: RunState): Action {
  const { members, configuration } = definition.workflow as Team;
  const tasks = tasksOf(state);
  const excess = excessOf(configuration);
  if (excess) return failTeam('limit_reached', excess);
  const found = tasks.size === 0 ? findConditionFault(configuration) : undefined;
  if (found) return failTeam('invalid_condition', `${found.field}: ${found.fault}`);
  const answers: NamedTask[] = [];
  for (const [index, member] of members.entries()) {
    const id = String(index + 1);
    const task = tasks.get(id);
    if (!task) {
      const input = nextInput(runInputOf(state), answers, configuration.cumulative === true);
      return startTasks(state, [taskFor(id, member, input)]);
    }
    if (task.state !== 'answered') {
      return task.state === 'live'
        ? WAIT
        : failTeam('member_failed', `member ${member.name} failed: ${task.error}`);
    }
    answers.push({ name: member.name, task });
    if (typeof configuration.stop_when === 'string') {
      const verdict = isConditionTrue(configuration.stop_when, task, member.name);
      if (!verdict.ok) {
        return failTeam('invalid_condition', `configuration.stop_when: ${verdict.message}`);
      }
      if (verdict.value) {
        break;
      }
    }
  }
  const last = answers.at(-1)?.task;
  return last ? finishWith(last) : finishTeam('');
}

function nextInput(input: string, answers: readonly NamedTask[], isCumulative: boolean): string {
  const last = answers.at(-1);
  if (!last) {
    return input;
  }
  return isCumulative ? `${input}\n\n${joinAnswers(answers, MAX_TEXT_BYTES)}` : last.task.output;
}
