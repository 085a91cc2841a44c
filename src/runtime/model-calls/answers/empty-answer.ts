import type { AgentDefinition } from '../../../contracts/agents/definition.ts';
import { ENGINE_PREFIX, TOOL_PROVIDER } from '../../../contracts/agents/engine.ts';
import type { ModelAnswer, ModelRef } from '../../../contracts/agents/model.ts';
import type { RunError } from '../../../contracts/errors.ts';
import type { Action } from '../../../contracts/runs/action.ts';
import type { StepRecord } from '../../../contracts/runs/step.ts';

// An answer without a text and without a call, one that announces a call and makes none, or one
// that writes a call as text. The model is asked once more. If that brings nothing either, the run
// fails, unless its agent may answer with nothing.

/** The guard for an answer with nothing in it. The model is asked once more after it. */
export const EMPTY_GUARD = 'empty_answer';

/** A text of which nothing can be seen: blanks, and characters of zero width. */
const BLANK = /^[\s\p{Cc}\p{Cf}]*$/u;

/**
 * The beginning of a call as models write it (Hermes and Qwen, Mistral, Llama, DeepSeek). A server
 * without a parser for it sends it as text.
 */
const CALL_AS_TEXT = /^\s*(<tool_call>|\[TOOL_CALLS\]|<\|python_tag\|>|<｜tool▁calls▁begin｜>)/;

/** The ways in which an answer says nothing. */
export type EmptyKind = 'blank' | 'announced_call' | 'call_as_text';

/**
 * Returns how an answer of a model says nothing, although it has to; undefined if it says
 * something. An engine is another program, which may have nothing to say. A decision of a workflow
 * has checks of its own.
 */
export function emptyKind(
  { content, tool_calls, finish_reason }: ModelAnswer,
  { model: { provider }, decision }: Extract<Action, { type: 'call_model' }>,
  { agent, tools }: AgentDefinition,
): EmptyKind | undefined {
  if (provider.startsWith(ENGINE_PREFIX) || provider === TOOL_PROVIDER) return undefined;
  if (agent.allow_empty || decision !== undefined || tool_calls.length > 0) return undefined;
  if (finish_reason === 'tool_calls') return 'announced_call';
  if (BLANK.test(content ?? '')) return 'blank';
  return tools.length > 0 && CALL_AS_TEXT.test(content ?? '') ? 'call_as_text' : undefined;
}

const REQUESTS: Readonly<Record<EmptyKind, string>> = {
  blank: 'You have not answered: your last message had no text and called no tool. Answer now.',
  announced_call:
    'Your answer announced a tool call, but made none. Make the call, or answer without it.',
  call_as_text:
    'Your answer wrote a tool call as text, which calls nothing. Make the call as a tool call, or answer without it.',
};

/** Returns the guard that asks the model once more. */
export function askForAnswer(kind: EmptyKind): StepRecord {
  const messages = [{ role: 'user', content: REQUESTS[kind] } as const];
  return { kind: 'guard', name: EMPTY_GUARD, messages };
}

const REASONS: Readonly<Record<EmptyKind, string>> = {
  blank:
    'answered twice without a text or a tool call: use another model, or set allow_empty of the agent if such an answer is right',
  announced_call:
    'announced a tool call twice, and made none: use another model, or another server for it',
  call_as_text:
    'wrote a tool call as text twice: start its server with a parser for tool calls (vLLM: --enable-auto-tool-choice and --tool-call-parser), or use another model',
};

/** Returns the error of a run whose model has answered with nothing twice. */
export function emptyAnswerError(model: ModelRef, kind: EmptyKind): RunError {
  const message = `model ${model.model} ${REASONS[kind]}`;
  return { code: 'empty_answer', message, retryable: false };
}
