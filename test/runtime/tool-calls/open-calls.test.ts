import { expect, test } from 'vitest';
import type { RunState, StepSummary } from '../../../src/contracts/runs/action.ts';
import { openCalls } from '../../../src/runtime/tool-plans/open-calls.ts';

/**
 * Returns a run whose last answer has this number of calls with a child each, and how often its log
 * was read.
 */
function runWith(count: number) {
  let reads = 0;
  const ids = Array.from({ length: count }, (_, n) => `call_${n}`);
  const steps = ids.map((id): StepSummary => {
    const note = { kind: 'child_started', name: 'ask', input: null, output: null, error: null };
    return Object.defineProperty(note as StepSummary, 'call_id', {
      get() {
        reads += 1;
        return id;
      },
    });
  });
  const tool_calls = ids.map((id) => ({ id, name: 'ask', arguments: `{"message":"${id}"}` }));
  const messages = [{ seq: 1, role: 'assistant', content: null, tool_calls }];
  const state = { messages, steps_since_answer: steps } as unknown as RunState;
  return { state, reads: () => reads };
}

test('reads each note of the log once, however many calls are open', () => {
  const { state, reads } = runWith(500);
  const open = openCalls(state);
  expect(open).toHaveLength(500);
  expect(open.every(({ isWithChild }) => isWithChild)).toBe(true);
  expect(reads()).toBe(500);
});
