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
import { type Answer, childOutcome, RETRIED } from '../tool-plans/open-calls.ts';

/** What a member was given to do, and what came of it. */
export type Task = {
  state: 'live' | 'answered' | 'failed';
  /** The answer as text and, when the member gave one, as data. */
  output: string;
  data: Json;
  /** Why there is none. */
  error: string;
};

/** The tasks of a run by id, as its log tells them. */
export function tasksOf({ attempts }: RunState): ReadonlyMap<string, Task> {
  const tasks = new Map<string, Task>();
  for (const note of attempts) {
    if (note.kind === 'retry' && note.name === RETRIED) {
      forgetUnanswered(tasks);
    } else if (note.call_id) {
      add(tasks, note.call_id, note);
    }
  }
  return tasks;
}

const LIVE: Task = { state: 'live', output: '', data: null, error: '' };

function add(tasks: Map<string, Task>, id: string, note: StepNote): void {
  const { kind, output } = note;
  const filter = blockedBy(note);
  if (kind === 'child_started' || kind === 'question') {
    tasks.set(id, LIVE);
  } else if (kind === 'child') {
    tasks.set(id, ended(output));
  } else if (kind === 'answer') {
    const { answer, data } = output as Answer;
    tasks.set(id, { state: 'answered', output: answer, data, error: '' });
  } else if (filter !== undefined) {
    const error = `the output filter ${filter} does not let the task out`;
    tasks.set(id, { state: 'failed', output: '', data: null, error });
  }
}

function ended(end: Json): Task {
  const { isAnswer, message } = childOutcome(end);
  const { output, output_data } = end as { output?: string | null; output_data?: Json };
  return isAnswer
    ? { state: 'answered', output: output ?? '', data: output_data ?? null, error: '' }
    : { state: 'failed', output: '', data: null, error: message };
}

/** Whoever retries a run by hand wants what failed to be tried again; what was answered stays. */
function forgetUnanswered(tasks: Map<string, Task>): void {
  for (const [id, { state }] of tasks) {
    if (state !== 'answered') {
      tasks.delete(id);
    }
  }
}

/** What the run was told to do. */
export function inputOf({ messages }: RunState): string {
  return messages[0]?.content ?? '';
}

/** A task for a member; a person is asked what his question says, with what he is to look at in its place. */
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
 * Most members that begin with one commit: a commit of thousands would make the runs of others
 * wait.
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

/** The end of a run that may use no more. */
export function overLimit(reason: StopReason): Action {
  const message = `the run and its members have used up the limit ${reason}`;
  return { type: 'fail', stop_reason: reason, error: error('limit_reached', message) };
}

export function finish(output: string, data: Json = null): Action {
  return { type: 'finish', output, output_data: data };
}

/** Why a workflow has no answer, in a code of its own: only `member_failed` is the fault of a member. */
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
