import type { Member, Team } from '../../contracts/agents/definition.ts';
import type { FinishReason } from '../../contracts/agents/model.ts';
import type { NewTask, RunState, StepSummary } from '../../contracts/runs/action.ts';
import { MAX_TEXT_BYTES, SizeLimitError } from '../../contracts/size-limits.ts';
import type { Json } from '../../json/json.ts';
import { blockedBy } from '../held-run/filter-result.ts';
import { overridesIn } from '../held-run/overrides.ts';
import { interpolate } from '../messages/interpolate.ts';
import { childOutcome, type QuestionAnswer, RETRY_STEP_NAME } from '../tool-plans/open-calls.ts';

/** Task of a member, with its outcome. */
export type MemberTask = {
  state: 'live' | 'answered' | 'failed';
  /** The answer as text and, when the member gave one, as data. */
  output: string;
  data: Json;
  /** Reason why there is no answer. */
  error: string;
  /** True if the token limit cut the answer off. */
  isCutOff: boolean;
};

/** Returns the tasks of a run by id, as the log of the run records them. */
export function tasksOf({ steps_since_answer: steps }: RunState): ReadonlyMap<string, MemberTask> {
  const tasks = new Map<string, MemberTask>();
  for (const step of steps) {
    if (step.kind === 'retry' && step.name === RETRY_STEP_NAME) {
      forgetUnanswered(tasks);
    } else if (step.call_id) {
      add(tasks, step.call_id, step);
    }
  }
  return tasks;
}

/** Tasks by the step of their end, so that what is known about a task is found again. */
const endedTasks = new WeakMap<StepSummary, MemberTask>();

function taskAfter(kind: 'child' | 'answer', output: Json): MemberTask {
  if (kind === 'child') return taskAfterEnd(output);
  const { answer, data } = output as QuestionAnswer;
  return { state: 'answered', output: answer, data, error: '', isCutOff: false };
}

const LIVE: MemberTask = { state: 'live', output: '', data: null, error: '', isCutOff: false };

function add(tasks: Map<string, MemberTask>, id: string, step: StepSummary): void {
  const { kind, output } = step;
  const filter = blockedBy(step);
  if (kind === 'child_started' || kind === 'question') {
    tasks.set(id, LIVE);
  } else if (kind === 'child' || kind === 'answer') {
    const ended = endedTasks.get(step) ?? taskAfter(kind, output);
    endedTasks.set(step, ended);
    tasks.set(id, ended);
  } else if (filter !== undefined) {
    const error = `the output filter ${filter} withheld the task`;
    tasks.set(id, failedTask(error));
  }
}

/** The end of a child, as the inbox of its parent tells it. */
type ChildEnd = {
  output?: string | null;
  output_data?: Json;
  finish_reason?: FinishReason | null;
};

function taskAfterEnd(end: Json): MemberTask {
  const { isAnswer, message } = childOutcome(end);
  if (!isAnswer) return failedTask(message);
  const { output, output_data, finish_reason } = end as ChildEnd;
  return {
    state: 'answered',
    output: output ?? '',
    data: output_data ?? null,
    error: '',
    isCutOff: finish_reason === 'length',
  };
}

function failedTask(error: string): MemberTask {
  return { state: 'failed', output: '', data: null, error, isCutOff: false };
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
 * into its template. Throws SizeLimitError for a task with too many bytes.
 */
export function taskFor(id: string, member: Member, input: string): NewTask {
  const { name, agent_id, workflow_id, question, configuration } = member;
  if (question) {
    const prompt = interpolate(String(question.prompt), { input, output: input });
    return { id, member: name, question, input: prompt };
  }
  if (Buffer.byteLength(input) > MAX_TEXT_BYTES) {
    throw new SizeLimitError(`the task of the member ${name}`, MAX_TEXT_BYTES);
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
