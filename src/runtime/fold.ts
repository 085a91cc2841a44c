import type { RunState } from '../contracts/action.ts';
import type { Control, StepRecord } from '../contracts/step.ts';
import type { ClaimedRun } from '../db/runs.ts';

/** The state of a run as its log tells it at the moment of a claim. */
export function foldLog(run: ClaimedRun, useHistory: boolean): RunState {
  return {
    history: useHistory ? run.history : [],
    messages: run.messages,
    attempts: run.attempts,
    exhausted: run.exhausted,
  };
}

/**
 * The state after a commit: what `foldLog` would give if the log were read again. A model answer begins a new
 * count of attempts.
 */
export function foldRecords(
  state: RunState,
  records: readonly StepRecord[],
  control: Control,
): RunState {
  let attempts = [...state.attempts];
  for (const { kind, name = null, input = null, error = null } of records) {
    attempts = kind === 'model' ? [] : [...attempts, { kind, name, input, error }];
  }
  return {
    history: state.history,
    messages: [...state.messages, ...records.flatMap((record) => record.messages ?? [])],
    attempts,
    exhausted: control.exhausted,
  };
}
