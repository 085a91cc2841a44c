import { applyOverrides } from '../../held-run/overrides.ts';
import { strategyOf } from '../../strategies/registry.ts';
import { requestOf } from '../request-text.ts';
import type { RunRecording } from './run-recording.ts';

/**
 * Computes the action of a run at a position of its record, with the request that the action sends
 * to a model. The same pure functions compute both in a worker.
 */
export function requestAt(record: RunRecording, position: number) {
  const { overrides, is_compensation } = record.claimAt(position);
  const definition = applyOverrides({ is_compensation, overrides }, record.definitionAt(position));
  const state = record.stateAt(position);
  const action = strategyOf({ is_compensation }, definition)(definition, state);
  return { action, definition, state, request: requestOf(action, definition) };
}
