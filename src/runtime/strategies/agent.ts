import { isSuspension } from '../../concurrency/offload.ts';
import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import type { Message } from '../../contracts/runs/message.ts';
import type { StopReason } from '../../contracts/runs/step.ts';
import type { Json, JsonSchema } from '../../json/json.ts';
import { isTooDeep, MAX_LEVELS } from '../../json/levels.ts';
import { parseJson } from '../../json/parse-json.ts';
import { stripCodeFence } from '../../text/strip-code-fence.ts';
import { schemaErrors } from '../environment/validate-json.ts';
import { nextModelCall } from '../model-calls/choose-model-call.ts';
import { planModelCall } from '../model-calls/plan-model-call.ts';
import { planCalls } from '../tool-plans/plan-tool-calls.ts';
import type { PlannedCall } from '../tool-plans/tool-call-plan.ts';
import { repairCitations } from './citations.ts';
import { loopVerdict, REPAIR_OPENING } from './loop-guard.ts';

/**
 * Returns the next action in the loop of a single agent: call the model, run the tools that the
 * model calls, and call the model again with their results, until it answers without a call. Pure:
 * the same definition and state give the same action.
 */
export function nextAgentAction(definition: AgentDefinition, state: RunState): Action {
  const planned = planCalls(definition, state);
  if (planned.length > 0) {
    return goOn(planned);
  }
  const last = state.messages.at(-1);
  return last?.role === 'assistant'
    ? conclude(definition, state, last)
    : (stopAtLimit(state) ??
        stopLoop(state) ??
        failOnIncompletePrompt(definition) ??
        nextModelCall(definition, state, planModelCall));
}

/** Fails a run whose prompt lacks a value, because the agent would not know its task. */
function failOnIncompletePrompt({ agent }: AgentDefinition): Action | undefined {
  return agent.prompt_fault === undefined ? undefined : failWith('error', agent.prompt_fault);
}

export function stopAtLimit({ exhausted }: RunState): Action | undefined {
  return exhausted ? failWith(exhausted, limitMessage(exhausted)) : undefined;
}

/** Warns the model once about repeated calls that bring nothing new, and then stops the run. */
function stopLoop({ messages, messages_at_retry }: RunState): Action | undefined {
  const verdict = loopVerdict(messages, messages_at_retry);
  switch (verdict.kind) {
    case 'ok':
      return undefined;
    case 'warn':
      return { type: 'guard', name: 'loop_guard', message: verdict.message };
    case 'stop':
      return failWith('loop_guard', verdict.message);
  }
}

/**
 * Returns the action that makes the calls that are due, a handoff last. When all other calls wait
 * for somebody, the run waits too.
 */
export function goOn(planned: readonly PlannedCall[]): Action {
  const others = planned.filter(({ plan }) => plan.do !== 'hand_over');
  const due = others.length > 0 ? others : planned;
  const ready = due.filter(({ plan }) => plan.do !== 'wait');
  if (ready.length > 0) {
    return { type: 'call_tools', calls: ready.map(({ open }) => open.call) };
  }
  const isQuestionOpen = planned.some(({ plan }) => plan.do === 'wait' && plan.for === 'question');
  return { type: 'wait', for: isQuestionOpen ? 'question' : 'child' };
}

function conclude(definition: AgentDefinition, state: RunState, last: Message): Action {
  const text = last.content ?? '';
  const repair = repairCitations(definition, state, text);
  if (repair) return repair;
  const schema = definition.agent.output_schema;
  if (!schema) {
    return { type: 'finish', output: text, output_data: null };
  }
  const parsed = parseOutput(schema, text);
  if (parsed.faults.length === 0) {
    return { type: 'finish', output: text, output_data: parsed.value };
  }
  const faults = parsed.faults.join('; ');
  const later = state.messages.slice(state.messages_at_retry);
  if (!parsed.isMendable || later.some(isRepair)) {
    const message = parsed.isMendable
      ? `the answer does not satisfy the agent's output_schema, even after a repair: ${faults}`
      : `the agent's output_schema is not a valid JSON Schema: ${faults}`;
    const error = { code: 'invalid_output', message, retryable: false } as const;
    return { type: 'fail', stop_reason: 'error', error };
  }
  return {
    type: 'guard',
    name: 'output_schema',
    message: `${REPAIR_OPENING}: ${faults}. Answer again with JSON only.`,
  };
}

function isRepair(message: Message): boolean {
  return message.role === 'user' && (message.content ?? '').startsWith(REPAIR_OPENING);
}

/** A parsed answer. `isMendable` is false when the schema is at fault and not the answer. */
type Parsed = { value: Json; faults: string[]; isMendable: boolean };

function parseOutput(schema: JsonSchema, text: string): Parsed {
  let value: Json = null;
  try {
    value = parseJson(stripCodeFence(text));
    if (isTooDeep(value)) {
      return { value: null, faults: [`it has more than ${MAX_LEVELS} levels`], isMendable: true };
    }
  } catch (error) {
    return { value, faults: [`it is not JSON (${(error as Error).message})`], isMendable: true };
  }
  try {
    return { value, faults: schemaErrors(schema, value), isMendable: true };
  } catch (error) {
    if (isSuspension(error)) throw error;
    return { value, faults: [(error as Error).message], isMendable: false };
  }
}

function limitMessage(reason: StopReason): string {
  const limits: Partial<Record<StopReason, string>> = {
    max_steps: 'max_steps, the number of model answers',
    max_tokens: 'max_tokens',
    max_cost: 'max_cost',
    max_time: 'max_seconds of active time',
  };
  return `the run has reached its limit ${limits[reason] ?? reason}`;
}

function failWith(stop_reason: StopReason, message: string): Action {
  const code = stop_reason === 'error' ? 'invalid_request' : 'limit_reached';
  return { type: 'fail', stop_reason, error: { code, message, retryable: false } };
}
