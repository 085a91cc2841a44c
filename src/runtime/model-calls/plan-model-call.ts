import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { ModelRef, ToolSchema } from '../../contracts/agents/model.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import type { Message } from '../../contracts/runs/message.ts';
import { buildMessages } from '../messages/build-messages.ts';
import { answerReserve, estimateTokens, fit as fitWindow } from '../messages/context-window.ts';

/** The name of the guard that speaks when a summary could not be had: until the next answer the oldest is left out. */
export const CONTEXT_GUARD = 'context';

/** Asks a model: with all that was said, or with as much as fits its window, or after what is oldest was summed up. */
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

/** The tools of an agent as its models are told them. */
export function toolSchemas(definition: AgentDefinition): ToolSchema[] {
  return definition.tools.map(({ name, description, parameters }) => ({
    name,
    description,
    parameters,
  }));
}

/** Our estimate of a request, which the log keeps of one that was too long. */
export function requestTokens(definition: AgentDefinition, messages: readonly Message[]): number {
  return estimateTokens(messages) + toolTokens(definition);
}

function toolTokens(definition: AgentDefinition): number {
  const known = tokensOfTools.get(definition) ?? estimateTokens([], toolSchemas(definition));
  tokensOfTools.set(definition, known);
  return known;
}

/** A version never changes. */
const tokensOfTools = new WeakMap<AgentDefinition, number>();

function policyOf({ agent }: AgentDefinition, { attempts }: RunState) {
  const policy = agent.context_policy ?? 'none';
  const isStuck = attempts.some(({ kind, name }) => kind === 'guard' && name === CONTEXT_GUARD);
  return policy === 'summarize' && isStuck ? 'trim' : policy;
}
