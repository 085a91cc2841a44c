import type { AgentDefinition, Team } from '../../contracts/agents/definition.ts';
import type { ToolSchema } from '../../contracts/agents/model.ts';
import type { Action, NewTask, RunState, TeamDecision } from '../../contracts/runs/action.ts';
import type { JsonObject } from '../../json/json.ts';
import { truncateMiddle } from '../../text/truncate-middle.ts';
import { type Decider, type Decision, decide, decisionsOf } from '../teams/decisions.ts';
import { describeMembers } from '../teams/member-list.ts';
import { type MemberTask, memberNamed, runInputOf, taskFor, tasksOf } from '../teams/tasks.ts';
import { failTeam, finishTeam, startTasks, WAIT } from '../teams/team-actions.ts';

/** A task of a member. The tasks of one step are done at the same time. */
type PlannedTask = { id: string; member: string; task: string };
type Plan = { number: number; steps: PlannedTask[][]; answer: string | undefined };

const MAX_PLANS = 5;
const MAX_TASKS = 50;
/** Maximum length of a result that the deciding model reads, in characters. */
const RESULT_CHARACTERS = 8_000;

/**
 * Returns the next action of an orchestrator workflow. A model plans, members work, and the model
 * reads their results and plans again or answers. A full plan has all steps; an iterative plan has
 * only the next step. A task that fails ends its plan: the model makes a new plan with what it
 * knows now.
 */
export function nextOrchestratorAction(definition: AgentDefinition, state: RunState): Action {
  const team = definition.workflow as Team;
  const tasks = tasksOf(state);
  const decider = deciderOf(team, state, tasks);
  const plans = readPlans(decisionsOf(state, decider));
  const most = Number(team.configuration.max_plans ?? MAX_PLANS);
  for (const [index, plan] of plans.entries()) {
    if (plan.answer !== undefined) {
      return finishTeam(plan.answer);
    }
    if (index >= most) {
      return failTeam(
        'limit_reached',
        `the maximum number of plans (${most}, max_plans) was reached without an answer`,
      );
    }
    const action = carryOut(plan, team, state, tasks, plans);
    if (action) {
      return action;
    }
    if (index + 1 >= most && index + 1 === plans.length) {
      return decide(definition, state, { ...decider, offered: answerTool(decider.tool) });
    }
  }
  return decide(definition, state, decider);
}

/**
 * Returns the next action of a plan. Returns undefined when the plan is over, because everything
 * was done or something failed.
 */
function carryOut(
  plan: Plan,
  team: Team,
  state: RunState,
  tasks: ReadonlyMap<string, MemberTask>,
  plans: readonly Plan[],
): Action | undefined {
  for (const step of plan.steps) {
    const done = step.map(({ id }) => tasks.get(id));
    const left = step.filter((_planned, at) => done[at] === undefined);
    const isFailed = done.some((task) => task?.state === 'failed');
    if (left.length > 0 && !isFailed) {
      return beginStep(left, plan, team, state, plans);
    }
    if (done.some((task) => task?.state === 'live')) {
      return WAIT;
    }
    if (isFailed) {
      return undefined;
    }
  }
  return undefined;
}

function beginStep(
  step: readonly PlannedTask[],
  plan: Plan,
  team: Team,
  state: RunState,
  plans: readonly Plan[],
): Action {
  const planned = plans.flatMap(({ steps }) => steps.flat()).length;
  const most = Number(team.configuration.max_tasks ?? MAX_TASKS);
  if (planned > most) {
    return failTeam(
      'limit_reached',
      `the plans have ${planned} tasks, at most ${most} are allowed (max_tasks)`,
    );
  }
  const at_once = team.configuration.max_concurrency as number | undefined;
  const newTasks = step.flatMap(({ id, member, task }): NewTask[] => {
    const found = memberNamed(team, member);
    return found ? [taskFor(id, found, task)] : [];
  });
  const decision = decisionOf(plan);
  const isLogged = state.steps_since_answer.some(({ call_id }) => call_id === decision.call_id);
  return startTasks(state, newTasks, {
    wakes_on: 'last',
    ...(at_once ? { at_once } : {}),
    ...(isLogged ? {} : { decision }),
  });
}

/** Returns the decision that logs a plan before its first tasks. */
function decisionOf({ number, steps }: Plan): TeamDecision {
  const taskLists = steps.map((step) => step.map(({ member, task }) => ({ member, task })));
  return { name: 'plan', call_id: `plan.${number}`, output: { plan: number, steps: taskLists } };
}

function readPlans(decisions: readonly Decision[]): Plan[] {
  return decisions
    .filter(({ faults }) => faults.length === 0)
    .map(({ value }, plan) => ({
      number: plan + 1,
      answer: typeof value.answer === 'string' && !hasSteps(value) ? value.answer : undefined,
      steps: ((value.steps ?? []) as JsonObject[][]).map((tasks, step) =>
        tasks.map(({ member, task }, at) => ({
          id: `${plan + 1}.${step + 1}.${at + 1}`,
          member: String(member),
          task: String(task),
        })),
      ),
    }));
}

function hasSteps({ steps }: JsonObject): boolean {
  return Array.isArray(steps) && steps.flat().length > 0;
}

function deciderOf(team: Team, state: RunState, tasks: ReadonlyMap<string, MemberTask>): Decider {
  const isIterative = team.configuration.planning === 'iterative';
  const tool = planTool(team, isIterative);
  const decider: Decider = {
    tool,
    about: [
      'You plan the work of a team and hear what came of it; you do not do it yourself. The members:',
      describeMembers(team),
      isIterative
        ? 'Plan the next step alone; its tasks are done at the same time.'
        : 'Plan all steps; the tasks of one step are done at the same time, and a step begins when the one before is done.',
      'A member knows nothing but its task: say in it all it has to know. When nothing is left to do, give the answer instead of steps.',
    ].join('\n'),
    task: runInputOf(state),
    outcome: (index) => outcomeOf(readPlans(decisionsOf(state, decider))[index], tasks),
  };
  return decider;
}

function outcomeOf(plan: Plan | undefined, tasks: ReadonlyMap<string, MemberTask>): string {
  const results = (plan?.steps.flat() ?? []).map(({ id, member, task }) => {
    const done = tasks.get(id);
    const result =
      done?.state === 'answered'
        ? truncateMiddle(done.output, RESULT_CHARACTERS)
        : done
          ? `(failed: ${done.error})`
          : '(not begun)';
    return `${member} — ${truncateMiddle(task, 200)}\n${result}`;
  });
  return results.join('\n\n') || 'Nothing was done.';
}

function planTool(team: Team, isIterative: boolean): ToolSchema {
  const task = {
    type: 'object',
    properties: {
      member: { type: 'string', enum: team.members.map(({ name }) => name) },
      task: { type: 'string', minLength: 1 },
    },
    required: ['member', 'task'],
    additionalProperties: false,
  };
  const steps = {
    type: 'array',
    description: 'Steps in order, each a list of tasks that are done at the same time.',
    ...(isIterative ? { maxItems: 1 } : {}),
    items: { type: 'array', items: task },
  };
  const answer = { type: 'string', description: 'The answer to the task, when nothing is left.' };
  return {
    name: 'plan',
    description: 'Says what is done next, or gives the answer.',
    parameters: {
      type: 'object',
      properties: { steps, answer },
      anyOf: [{ required: ['steps'] }, { required: ['answer'] }],
      additionalProperties: false,
    },
  };
}

/** Returns the tool that is offered when no plan may be made any more. */
function answerTool({ name }: ToolSchema): ToolSchema {
  return {
    name,
    description: 'Gives the answer: no more plans can be made.',
    parameters: {
      type: 'object',
      properties: { answer: { type: 'string' } },
      required: ['answer'],
      additionalProperties: false,
    },
  };
}
