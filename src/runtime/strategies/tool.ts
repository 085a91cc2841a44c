import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { nextModelCall } from '../model-calls/choose-model-call.ts';
import { planModelCall } from '../model-calls/plan-model-call.ts';
import { RETRIED } from '../tool-plans/open-calls.ts';
import { planCalls } from '../tool-plans/plan-tool-calls.ts';
import { goOn, stopAtLimit } from './agent.ts';

/** An agent that is one tool: it is called with what the run was told, and its result is the answer. Its failure is the run's. */
export function next(definition: AgentDefinition, state: RunState): Action {
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

/** Undefined where the run was retried by hand since: then the call is made again. */
function resultOf(
  call_id: string | null | undefined,
  output: string,
  { attempts }: RunState,
): Action | undefined {
  const at = attempts.findLastIndex((note) => note.kind === 'tool' && note.call_id === call_id);
  const error = attempts[at]?.error;
  if (!error) {
    return { type: 'finish', output, output_data: dataIn(output) };
  }
  const isRetried = attempts.slice(at + 1).some(({ name }) => name === RETRIED);
  return isRetried
    ? undefined
    : { type: 'fail', stop_reason: 'error', error: { ...error, retryable: false } };
}

/** A result that is an object or a list is data, too. */
function dataIn(output: string): Json {
  try {
    const value: Json = JSON.parse(output);
    return isJsonObject(value) || Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
