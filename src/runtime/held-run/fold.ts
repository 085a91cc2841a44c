import type { CallRules, RunState, StepSummary } from '../../contracts/runs/action.ts';
import type { LoggedMessage } from '../../contracts/runs/message.ts';
import type { Control, LoggedStep, StepRecord } from '../../contracts/runs/step.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';
import { trustAfter, trustAfterInbox } from './trust.ts';

/** No rules besides the version. */
export const NO_RULES: CallRules = {
  approved: [],
  asked: [],
  withdrawn: {},
  decided: {},
  approved_for: {},
};

/** Returns the state of a run from its log at the time of a claim. */
export function foldLog(run: ClaimedRun, useHistory: boolean): RunState {
  return {
    task: run.task,
    history: useHistory ? run.history : [],
    messages: run.messages,
    steps_since_answer: run.steps_since_answer,
    exhausted: run.exhausted,
    messages_at_retry: run.messages_at_retry,
    refused: run.refused,
    trust: run.trust,
    rules: NO_RULES, // read before each round of calls: HeldRun.refreshRules
  };
}

/**
 * Returns the state after a commit: the same that `foldLog` would return if the log were read
 * again.
 */
export function foldRecords(
  state: RunState,
  records: readonly StepRecord[],
  control: Pick<Control, 'exhausted'>,
): RunState {
  const messages = records.flatMap(messagesOf);
  const first = state.messages.length + 1;
  return {
    ...state,
    messages: [
      ...state.messages,
      ...messages.map((message, i) => ({ ...message, seq: first + i })),
    ],
    steps_since_answer: state.task
      ? [...state.steps_since_answer, ...records.map(summaryOf)]
      : addSteps(state.steps_since_answer, records),
    refused: records.reduce(addRefused, state.refused),
    exhausted: control.exhausted,
    trust: trustAfter(state.trust, records),
  };
}

/** Returns the state after entries from outside have been added to the log. */
export function foldInbox(
  state: RunState,
  taken: { steps: LoggedStep[]; messages: LoggedMessage[] },
): RunState {
  return {
    ...state,
    messages: [...state.messages, ...taken.messages],
    steps_since_answer: [...state.steps_since_answer, ...taken.steps],
    trust: trustAfterInbox(state.trust, taken),
  };
}

/** Returns the messages of a step as the log returns them. */
function messagesOf({ kind, trust, messages = [] }: StepRecord): LoggedMessage[] {
  const read = kind === 'tool' ? (trust ?? 'external') : trust;
  return read === 'external' ? messages.map((message) => ({ ...message, trust: read })) : messages;
}

/**
 * Adds the size of a request that was rejected as too long. The shortest of all such requests
 * counts.
 */
function addRefused(refused: RunState['refused'], record: StepRecord): RunState['refused'] {
  const { name, input, error } = record;
  const tokens = (input as { estimated_tokens?: number } | null | undefined)?.estimated_tokens;
  return record.kind === 'retry' && error?.code === 'context_too_long' && name && tokens
    ? { ...refused, [name]: Math.min(tokens, refused[name] ?? tokens) }
    : refused;
}

/**
 * Adds steps to the steps since the last model answer. A model answer starts a new list. An answer
 * that a call's server requested is part of that call.
 */
function addSteps(
  earlier: readonly StepSummary[],
  records: readonly StepRecord[],
): readonly StepSummary[] {
  const answered = records.findLastIndex(
    ({ kind, call_id }) => kind === 'model' && call_id === undefined,
  );
  // results are among the messages
  const added = records
    .slice(answered + 1)
    .map((record) => summaryOf(record.kind === 'tool' ? { ...record, output: null } : record));
  return answered < 0 ? [...earlier, ...added] : added;
}

function summaryOf(record: StepRecord): StepSummary {
  const { kind, name = null, call_id = null, input = null, error = null } = record;
  const { output = null } = record;
  return { kind, name, call_id, input, output, error };
}
