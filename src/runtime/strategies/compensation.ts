import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import { planCalls } from '../tool-plans/plan-tool-calls.ts';

/**
 * Returns the next action of a run that takes back what another run did. Its calls are in the
 * second message, the newest first, and are made one after the other. No model is called. The run
 * fails when a call could not be made, and its error names the call.
 */
export function nextCompensationAction(definition: AgentDefinition, state: RunState): Action {
  const [first] = planCalls(definition, state);
  if (first) {
    return first.plan.do === 'wait'
      ? { type: 'wait', for: first.plan.for }
      : { type: 'call_tools', calls: [first.open.call] };
  }
  const results = state.steps_since_answer.filter(({ kind }) => kind === 'tool');
  const failed = results.filter(({ error }) => error);
  if (failed.length > 0) {
    const reasons = failed.map(({ name, error }) => `${name}: ${error?.message}`).join('; ');
    const message = `${failed.length} of ${results.length} effects could not be reverted: ${reasons}`;
    return {
      type: 'fail',
      stop_reason: 'error',
      error: { code: 'tool_failed', message, retryable: false },
    };
  }
  return {
    type: 'finish',
    output: `${results.length} effects were taken back.`,
    output_data: null,
  };
}
