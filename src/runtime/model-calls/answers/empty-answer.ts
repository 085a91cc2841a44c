import type { AgentDefinition } from '../../../contracts/agents/definition.ts';
import { ENGINE_PREFIX, TOOL_PROVIDER } from '../../../contracts/agents/engine.ts';
import type { ModelAnswer, ModelRef } from '../../../contracts/agents/model.ts';
import type { RunError } from '../../../contracts/errors.ts';
import type { Action } from '../../../contracts/runs/action.ts';
import type { StepRecord } from '../../../contracts/runs/step.ts';

// An answer without a text and without a call, or one that announces a call and makes none. The
// model is asked once more. If that brings nothing either, the run fails, unless its agent may
// answer with nothing.

/** The guard for an answer with nothing in it. The model is asked once more after it. */
export const EMPTY_GUARD = 'empty_answer';

/** A text of which nothing can be seen: blanks, and characters of zero width. */
const BLANK = /^[\s\p{Cc}\p{Cf}]*$/u;

/**
 * Returns whether an answer of a model says nothing, although it has to. An engine is another
 * program, which may have nothing to say. A decision of a workflow has checks of its own.
 */
export function isEmptyAnswer(
  { content, tool_calls, finish_reason }: ModelAnswer,
  { model: { provider }, decision }: Extract<Action, { type: 'call_model' }>,
  { agent }: AgentDefinition,
): boolean {
  if (provider.startsWith(ENGINE_PREFIX) || provider === TOOL_PROVIDER) return false;
  if (agent.allow_empty || decision !== undefined || tool_calls.length > 0) return false;
  return finish_reason === 'tool_calls' || BLANK.test(content ?? '');
}

/** Returns the guard that asks the model once more. */
export function askForAnswer({ finish_reason }: ModelAnswer): StepRecord {
  const content =
    finish_reason === 'tool_calls'
      ? 'Your answer announced a tool call, but made none. Make the call, or answer without it.'
      : 'You have not answered: your last message had no text and called no tool. Answer now.';
  return { kind: 'guard', name: EMPTY_GUARD, messages: [{ role: 'user', content }] };
}

/** Returns the error of a run whose model has answered with nothing twice. */
export function emptyAnswerError(model: ModelRef, { finish_reason }: ModelAnswer): RunError {
  const what =
    finish_reason === 'tool_calls'
      ? 'announced a tool call twice, and made none'
      : 'answered twice without a text or a tool call';
  const message = `model ${model.model} ${what}: use another model, or set allow_empty of the agent if such an answer is right`;
  return { code: 'empty_answer', message, retryable: false };
}
