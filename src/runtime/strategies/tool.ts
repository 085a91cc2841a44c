import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { nextModelCall } from '../model-calls/choose-model-call.ts';
import { planModelCall } from '../model-calls/plan-model-call.ts';
import { RETRY_STEP_NAME } from '../tool-plans/open-calls.ts';
import { planCalls } from '../tool-plans/plan-tool-calls.ts';
import { goOn, stopAtLimit } from './agent.ts';

/**
 * Returns the next action of an agent that is one tool. The tool is called with the input of the
 * run, and its result is the answer. A failure of the tool is the failure of the run.
 */
export function nextToolAction(definition: AgentDefinition, state: RunState): Action {
  const planned = planCalls(definition, state);
  if (planned.length > 0) {
    return goOn(planned);
  }
  const last = state.messages.at(-1);
  return (
    (last?.role === 'tool' ? resultOf(last.tool_call_id, last.content ?? '', state) : undefined) ??
    stopAtLimit(state) ??
    nextModelCall(definition, state, planModelCall)
  );
}

/**
 * Returns the end of the run. Returns undefined when the run was retried by hand after the call
 * failed: the call is then made again.
 */
function resultOf(
  call_id: string | null | undefined,
  output: string,
  { steps_since_answer: steps }: RunState,
): Action | undefined {
  const at = steps.findLastIndex((step) => step.kind === 'tool' && step.call_id === call_id);
  const error = steps[at]?.error;
  if (!error) {
    return { type: 'finish', output, output_data: dataIn(output) };
  }
  const isRetried = steps.slice(at + 1).some(({ name }) => name === RETRY_STEP_NAME);
  return isRetried
    ? undefined
    : { type: 'fail', stop_reason: 'error', error: { ...error, retryable: false } };
}

/** Returns a result as data when it is an object or a list, or else null. */
function dataIn(output: string): Json {
  try {
    const value: Json = parseJson(output);
    return isJsonObject(value) || Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
