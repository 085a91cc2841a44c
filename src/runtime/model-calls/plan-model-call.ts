import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { ModelRef, ToolSchema } from '../../contracts/agents/model.ts';
import type { ErrorCode } from '../../contracts/errors.ts';
import type { Action, RunState, StepSummary } from '../../contracts/runs/action.ts';
import type { Message } from '../../contracts/runs/message.ts';
import { buildMessages } from '../messages/build-messages.ts';
import { answerReserve, estimateRequestTokens, fitWindow } from '../messages/context-window.ts';

/**
 * The name of the guard for a summary that failed. Until the next answer, the oldest messages are
 * left out. If the call without them fails because the server is down, the summary is requested
 * again with the next attempt.
 */
export const CONTEXT_GUARD = 'context';

/**
 * Plans the call of a model: with all messages, with as many as fit its window, or after a summary
 * of the oldest ones.
 */
export function planModelCall(
  definition: AgentDefinition,
  state: RunState,
  model: ModelRef,
  attempt: number,
): Action {
  const messages = buildMessages(definition, state);
  const tooLongAt = state.refused[model.name];
  if (model.context_tokens === null && tooLongAt === undefined) {
    return { type: 'call_model', model, attempt, messages };
  }
  const fitted = fitWindow(messages, {
    contextTokens: model.context_tokens,
    reserve: answerReserve(model.request_params, model.context_tokens),
    toolTokens: toolTokens(definition),
    policy: policyOf(definition, state),
    ...(tooLongAt === undefined ? {} : { tooLongAt }),
  });
  return fitted.kind === 'send'
    ? { type: 'call_model', model, attempt, messages: fitted.messages }
    : { ...fitted, type: 'summarize', model };
}

/** Returns whether a step is a failed call that says nothing about the length of the request. */
function isOutage({ kind, call_id, error }: StepSummary): boolean {
  return kind === 'retry' && !call_id && OUTAGES.has(error?.code);
}

const OUTAGES: ReadonlySet<ErrorCode | undefined> = new Set([
  'overloaded',
  'rate_limited',
  'unreachable',
]);

/** Returns the tools of an agent as its models receive them. */
export function toolSchemas(definition: AgentDefinition): ToolSchema[] {
  return definition.tools.map(({ name, description, parameters }) => ({
    name,
    description,
    parameters,
  }));
}

/**
 * Estimates the tokens of a request. The log stores the estimate of a request that was too long.
 */
export function requestTokens(definition: AgentDefinition, messages: readonly Message[]): number {
  return estimateRequestTokens(messages) + toolTokens(definition);
}

function toolTokens(definition: AgentDefinition): number {
  const known = tokensOfTools.get(definition) ?? estimateRequestTokens([], toolSchemas(definition));
  tokensOfTools.set(definition, known);
  return known;
}

/** Tokens of the tools by definition. A version never changes. */
const tokensOfTools = new WeakMap<AgentDefinition, number>();

function policyOf({ agent }: AgentDefinition, { steps_since_answer: steps }: RunState) {
  const policy = agent.context_policy ?? 'none';
  const guarded = steps.findLastIndex(
    ({ kind, name }) => kind === 'guard' && name === CONTEXT_GUARD,
  );
  const isStuck = guarded >= 0 && !steps.slice(guarded).some(isOutage);
  return policy === 'summarize' && isStuck ? 'trim' : policy;
}
