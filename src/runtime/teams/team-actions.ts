import type { RunError } from '../../contracts/errors.ts';
import type { Action, NewTask, RunState, TeamDecision } from '../../contracts/runs/action.ts';
import type { ChildWake, StopReason } from '../../contracts/runs/step.ts';
import { MAX_TASKS_BYTES, SizeLimitError } from '../../contracts/size-limits.ts';
import type { Json } from '../../json/json.ts';
import type { MemberTask } from './tasks.ts';

/**
 * Maximum number of members that start with one commit, because a commit of thousands would make
 * the runs of others wait.
 */
export const MAX_MEMBERS_PER_COMMIT = 100;
/** Bytes of tasks from which a commit starts no further member. */
const LARGE_COMMIT_BYTES = 1_000_000;

/** A task, or a function that makes it when its turn has come. */
export type PlannedTask = NewTask | (() => NewTask);

type StartOptions = { wakes_on?: ChildWake; at_once?: number; decision?: TeamDecision };

/**
 * Returns the action that starts tasks, or that fails the run when a limit is used up. Of many or
 * large tasks only the first ones start. The run continues at once. Its strategy then finds these
 * tasks in the log, and starts the next ones.
 */
export function startTasks(
  state: RunState,
  planned: readonly PlannedTask[],
  { per_commit = MAX_MEMBERS_PER_COMMIT, ...options }: StartOptions & { per_commit?: number } = {},
): Action {
  if (state.exhausted) return failAtLimit(state.exhausted);
  const tasks = firstTasks(planned, per_commit, bytesOfTasks(state));
  const isPart = tasks.length < planned.length;
  return { type: 'begin_members', tasks, ...options, ...(isPart ? { goes_on: true } : {}) };
}

/** Makes the tasks of one commit. Throws SizeLimitError if a run gives too much to its members. */
function firstTasks(planned: readonly PlannedTask[], most: number, before: number): NewTask[] {
  const tasks: NewTask[] = [];
  let bytes = 0;
  for (const next of planned.slice(0, most)) {
    if (bytes >= LARGE_COMMIT_BYTES) break;
    const task = typeof next === 'function' ? next() : next;
    bytes += Buffer.byteLength(task.input);
    if (before + bytes > MAX_TASKS_BYTES) {
      throw new SizeLimitError('the tasks of all members of the run', MAX_TASKS_BYTES);
    }
    tasks.push(task);
  }
  return tasks;
}

/**
 * Returns the bytes of the tasks that a run has given to its members so far. A log that was read at
 * a claim has the number of bytes in place of the task.
 */
function bytesOfTasks({ steps_since_answer: steps }: RunState): number {
  return steps.reduce((sum, { kind, input }) => {
    if (kind !== 'child_started') return sum;
    const { message, message_bytes } = (input ?? {}) as { message?: Json; message_bytes?: number };
    return sum + (message_bytes ?? Buffer.byteLength(String(message ?? '')));
  }, 0);
}

/** The action that waits for the members that have started. */
export const WAIT = { type: 'wait', for: 'child' } as const satisfies Action;

/** Returns the action that fails a workflow whose limit is used up. */
export function failAtLimit(reason: StopReason): Action {
  const message = `the run and its members have used up the limit ${reason}`;
  return { type: 'fail', stop_reason: reason, error: error('limit_reached', message) };
}

/** Returns the action that ends a workflow with an answer that it makes of the tasks' answers. */
export function finishTeam(
  output: string,
  data: Json = null,
  tasks: readonly Pick<MemberTask, 'isCutOff'>[] = [],
): Action {
  const finish_reason = tasks.some(({ isCutOff }) => isCutOff) ? 'length' : 'stop';
  return { type: 'finish', output, output_data: data, finish_reason };
}

/** Returns the action that ends a workflow with the answer of one task. */
export function finishWith(task: MemberTask): Action {
  return finishTeam(task.output, task.data, [task]);
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
