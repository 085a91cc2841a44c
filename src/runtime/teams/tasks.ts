import type { Member, Team } from '../../contracts/agents/definition.ts';
import type { RunError } from '../../contracts/errors.ts';
import type {
  Action,
  NewTask,
  RunState,
  StepNote,
  TeamDecision,
} from '../../contracts/runs/action.ts';
import type { ChildWake, StopReason } from '../../contracts/runs/step.ts';
import type { Json } from '../../json/json.ts';
import { fillTemplate } from '../messages/template.ts';
import { blockedBy } from '../owned-run/output-filter.ts';
import { overridesIn } from '../owned-run/overrides.ts';
import { childOutcome, type QuestionAnswer, RETRY_STEP_NAME } from '../tool-plans/open-calls.ts';

/** Task of a member, with its outcome. */
export type MemberTask = {
  state: 'live' | 'answered' | 'failed';
  /** The answer as text and, when the member gave one, as data. */
  output: string;
  data: Json;
  /** Reason why there is no answer. */
  error: string;
};

/** Returns the tasks of a run by id, as the log of the run records them. */
export function tasksOf({ attempts }: RunState): ReadonlyMap<string, MemberTask> {
  const tasks = new Map<string, MemberTask>();
  for (const note of attempts) {
    if (note.kind === 'retry' && note.name === RETRY_STEP_NAME) {
      forgetUnanswered(tasks);
    } else if (note.call_id) {
      add(tasks, note.call_id, note);
    }
  }
  return tasks;
}

const LIVE: MemberTask = { state: 'live', output: '', data: null, error: '' };

function add(tasks: Map<string, MemberTask>, id: string, note: StepNote): void {
  const { kind, output } = note;
  const filter = blockedBy(note);
  if (kind === 'child_started' || kind === 'question') {
    tasks.set(id, LIVE);
  } else if (kind === 'child') {
    tasks.set(id, taskAfterEnd(output));
  } else if (kind === 'answer') {
    const { answer, data } = output as QuestionAnswer;
    tasks.set(id, { state: 'answered', output: answer, data, error: '' });
  } else if (filter !== undefined) {
    const error = `the output filter ${filter} withheld the task`;
    tasks.set(id, { state: 'failed', output: '', data: null, error });
  }
}

function taskAfterEnd(end: Json): MemberTask {
  const { isAnswer, message } = childOutcome(end);
  const { output, output_data } = end as { output?: string | null; output_data?: Json };
  return isAnswer
    ? { state: 'answered', output: output ?? '', data: output_data ?? null, error: '' }
    : { state: 'failed', output: '', data: null, error: message };
}

/**
 * Removes the tasks without an answer, because a retry by hand is to repeat what failed. Answered
 * tasks stay.
 */
function forgetUnanswered(tasks: Map<string, MemberTask>): void {
  for (const [id, { state }] of tasks) {
    if (state !== 'answered') {
      tasks.delete(id);
    }
  }
}

/** Returns the input of the run. */
export function runInputOf({ messages }: RunState): string {
  return messages[0]?.content ?? '';
}

/**
 * Creates a task for a member. A person is asked the question of the member, with the input filled
 * into its template.
 */
export function taskFor(id: string, member: Member, input: string): NewTask {
  const { name, agent_id, workflow_id, question, configuration } = member;
  if (question) {
    const prompt = fillTemplate(String(question.prompt), { input, output: input });
    return { id, member: name, question, input: prompt };
  }
  return {
    id,
    member: name,
    input,
    ...(agent_id ? { agent_id } : {}),
    ...(workflow_id ? { workflow_id } : {}),
    ...overridesIn(configuration),
  };
}

export function memberNamed({ members }: Team, name: string): Member | undefined {
  return members.find((member) => member.name === name);
}

/**
 * Maximum number of members that start with one commit, because a commit of thousands would make
 * the runs of others wait.
 */
export const MOST_MEMBERS_PER_COMMIT = 100;

/**
 * Begins tasks, or ends the run when a limit is exhausted. Of many tasks only the first ones begin.
 * The run continues at once, and its strategy, which finds these tasks in the log, begins the next
 * ones.
 */
export function begin(
  { exhausted }: RunState,
  tasks: NewTask[],
  options: { wakes_on?: ChildWake; at_once?: number; decision?: TeamDecision } = {},
): Action {
  if (exhausted) return overLimit(exhausted);
  const first = tasks.slice(0, MOST_MEMBERS_PER_COMMIT);
  const isPart = first.length < tasks.length;
  return { type: 'begin_members', tasks: first, ...options, ...(isPart ? { goes_on: true } : {}) };
}

export const WAIT = { type: 'wait', for: 'child' } as const satisfies Action;

/** Returns the end of a run whose limit is used up. */
export function overLimit(reason: StopReason): Action {
  const message = `the run and its members have used up the limit ${reason}`;
  return { type: 'fail', stop_reason: reason, error: error('limit_reached', message) };
}

export function finish(output: string, data: Json = null): Action {
  return { type: 'finish', output, output_data: data };
}

/**
 * Returns the end of a workflow without an answer. The reason has a code of its own: only
 * `member_failed` is the fault of a member.
 */
export function fail(
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
