import type { Action, RunState } from '../../contracts/action.ts';
import type { AgentDefinition } from '../../contracts/definition.ts';
import type { Json, JsonSchema } from '../../contracts/json.ts';
import type { Message, ToolCall } from '../../contracts/message.ts';
import type { StopReason } from '../../contracts/step.ts';
import { ATTEMPTS_PER_MODEL } from '../backoff.ts';
import { faultsOf } from '../json-schema.ts';

/**
 * The loop of a single agent: ask the model; run the tools it calls; ask again with their results, until it answers
 * without a call. Pure: the same definition and state give the same action.
 */
export function next(definition: AgentDefinition, state: RunState): Action {
  const last = state.messages.at(-1);
  const answer = state.messages.findLast((message) => message.role === 'assistant');
  const open = answer ? openCalls(answer, state.messages) : [];
  if (open.length > 0) {
    return { type: 'call_tools', calls: open };
  }
  if (last?.role === 'assistant') {
    return conclude(definition, state, last);
  }
  return askModel(definition, state);
}

/** Calls of the last answer that have no result yet, in the order they were asked for. */
function openCalls(answer: Message, messages: readonly Message[]): ToolCall[] {
  const done = new Set(messages.map((message) => message.tool_call_id));
  return (answer.tool_calls ?? []).filter((call) => !done.has(call.id));
}

function askModel(definition: AgentDefinition, state: RunState): Action {
  if (state.exhausted) {
    return fail(state.exhausted, limitMessage(state.exhausted));
  }
  const failures = state.attempts.filter((attempt) => attempt.kind === 'retry');
  for (const model of definition.models) {
    const own = failures.filter((failure) => failure.name === model.name);
    const isSpent =
      own.length >= ATTEMPTS_PER_MODEL || own.some((failure) => failure.error?.retryable === false);
    if (!isSpent) {
      return { type: 'call_model', model, attempt: own.length + 1 };
    }
  }
  const error = failures.at(-1)?.error;
  return error
    ? { type: 'fail', stop_reason: 'error', error: { ...error, retryable: false } }
    : fail(
        'error',
        'the agent has no model: give it one in agent_models, or make a model named default',
      );
}

function conclude(definition: AgentDefinition, state: RunState, last: Message): Action {
  const text = last.content ?? '';
  const schema = definition.agent.output_schema;
  if (!schema) {
    return { type: 'finish', output: text, output_data: null };
  }
  const parsed = parseOutput(schema, text);
  if (parsed.faults.length === 0) {
    return { type: 'finish', output: text, output_data: parsed.value };
  }
  const faults = parsed.faults.join('; ');
  const wasRepaired = state.messages.some(isRepair);
  return wasRepaired
    ? {
        type: 'fail',
        stop_reason: 'error',
        error: {
          code: 'invalid_output',
          message: `the answer does not satisfy the agent's output_schema, also after a repair: ${faults}`,
          retryable: false,
        },
      }
    : { type: 'repair', message: `${REPAIR}: ${faults}. Answer again with JSON only.` };
}

const REPAIR = 'Your answer does not satisfy the required JSON Schema';

function isRepair(message: Message): boolean {
  return message.role === 'user' && (message.content ?? '').startsWith(REPAIR);
}

function parseOutput(schema: JsonSchema, text: string): { value: Json; faults: string[] } {
  try {
    const value = JSON.parse(text.replace(/^\s*```(?:json)?\s*|\s*```\s*$/g, ''));
    return { value, faults: faultsOf(schema, value) };
  } catch (error) {
    return { value: null, faults: [`it is not JSON (${(error as Error).message})`] };
  }
}

function limitMessage(reason: StopReason): string {
  const limits: Partial<Record<StopReason, string>> = {
    max_steps: 'max_steps, the number of model answers',
    max_tokens: 'max_tokens',
    max_cost: 'max_cost',
    max_time: 'max_seconds of active time',
  };
  return `the run has used up its limit ${limits[reason] ?? reason}`;
}

function fail(stop_reason: StopReason, message: string): Action {
  const code = stop_reason === 'error' ? 'invalid_request' : 'limit_reached';
  return { type: 'fail', stop_reason, error: { code, message, retryable: false } };
}

/** What the model is sent: the prompt, earlier turns, then the run's own conversation. */
export function conversation(definition: AgentDefinition, state: RunState): Message[] {
  const prompt = [definition.agent.system_prompt, definition.agent.instruction]
    .filter((part) => part)
    .join('\n\n');
  const system: Message[] = prompt ? [{ role: 'system', content: prompt }] : [];
  return [...system, ...state.history, ...state.messages];
}
