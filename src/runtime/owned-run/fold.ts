import type { CallRules, RunState, StepNote } from '../../contracts/runs/action.ts';
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
    attempts: run.attempts,
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
    attempts: state.task
      ? [...state.attempts, ...records.map(noteOf)]
      : addAttempts(state.attempts, records),
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
    attempts: [...state.attempts, ...taken.steps],
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
 * Adds steps to the attempts. A model answer starts a new count. An answer that a call's server
 * requested is part of that call.
 */
function addAttempts(
  attempts: readonly StepNote[],
  records: readonly StepRecord[],
): readonly StepNote[] {
  const answered = records.findLastIndex(
    ({ kind, call_id }) => kind === 'model' && call_id === undefined,
  );
  // results are among the messages
  const notes = records
    .slice(answered + 1)
    .map((record) => noteOf(record.kind === 'tool' ? { ...record, output: null } : record));
  return answered < 0 ? [...attempts, ...notes] : notes;
}

function noteOf(record: StepRecord): StepNote {
  const { kind, name = null, call_id = null, input = null, error = null } = record;
  const { output = null } = record;
  return { kind, name, call_id, input, output, error };
}
