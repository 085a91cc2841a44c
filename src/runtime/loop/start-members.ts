import { v7 as uuidV7 } from 'uuid';
import type { Action, NewTask, TeamDecision } from '../../contracts/runs/action.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { questionForMember } from '../tool-plans/questions.ts';
import { questionStep } from '../tool-plans/step-records.ts';

type BeginMembers = Extract<Action, { type: 'begin_members' }>;

/**
 * Starts members with one commit. The run then waits for them, unless others have to start first.
 */
export async function startMembers(action: BeginMembers, run: HeldRun): Promise<void> {
  const { wakes_on, at_once, goes_on } = action;
  const { tasks, guardSteps } = await filterTasks(action.tasks, run);
  const records = [...decisionSteps(action), ...tasks.map(startStep), ...guardSteps];
  if (tasks.length === 0) {
    await run.commit(records); // all were blocked, and the model that planned them receives this
    return;
  }
  const rules = {
    ...(wakes_on ? { wakes_on } : {}),
    ...(at_once ? { members_at_once: at_once } : {}),
  };
  if (goes_on) {
    await run.commit(records, { status: 'running', ...rules });
    return;
  }
  const areAllQuestions = tasks.every(({ question }) => question);
  await run.commit(records, {
    status: 'waiting',
    waiting_for: areAllQuestions ? 'question' : 'child',
    ...rules,
  });
}

/**
 * Applies the output filters to tasks that a model has made up. Other tasks consist of text from
 * people, rows and answers, which was filtered at its origin. The guard of a blocked task is its
 * end.
 */
async function filterTasks(
  plannedTasks: readonly NewTask[],
  run: HeldRun,
): Promise<{ tasks: NewTask[]; guardSteps: StepRecord[] }> {
  const tasks: NewTask[] = [];
  const guardSteps: StepRecord[] = [];
  const isMadeUp = run.definition.workflow?.type === 'orchestrator';
  for (const task of plannedTasks) {
    const outlet = task.question ? 'question' : 'message';
    const filtered = isMadeUp ? await run.applyOutputFilters(outlet, task.input, task.id) : null;
    guardSteps.push(...(filtered?.guardSteps ?? []));
    if (!filtered?.isBlocked) tasks.push({ ...task, input: filtered?.value ?? task.input });
  }
  return { tasks, guardSteps };
}

/** Returns the decision of a workflow as a step of its log. */
export function decisionSteps({ decision }: { decision?: TeamDecision }): StepRecord[] {
  return decision ? [{ kind: 'tool', ...decision, trust: 'system' }] : [];
}

function startStep(task: NewTask): StepRecord {
  const { id: call_id, member, question, input } = task;
  const { agent_id, workflow_id, overrides, budget } = task;
  if (question) {
    return questionStep(questionForMember(question, call_id, input));
  }
  const child = {
    id: uuidV7(),
    call_id,
    input,
    ...(overrides ? { overrides } : {}),
    ...(budget ? { budget } : {}),
    ...(agent_id ? { agent_id } : { workflow_id: workflow_id as string }),
  };
  return {
    kind: 'child_started',
    name: member,
    call_id,
    input: { message: input },
    output: { execution_id: child.id },
    child,
  };
}
