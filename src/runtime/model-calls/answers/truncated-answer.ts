import type { ModelAnswer, ModelRef } from '../../../contracts/agents/model.ts';
import type { RunError } from '../../../contracts/errors.ts';
import type { RunState } from '../../../contracts/runs/action.ts';
import type { StepRecord } from '../../../contracts/runs/step.ts';
import type { JsonSchema } from '../../../json/json.ts';
import { isJsonText } from '../../../json/parse-json.ts';
import { stripCodeFence } from '../../../text/strip-code-fence.ts';

// An answer that its token limit cut off. It calls nothing. The model is asked once more if the
// answer is of no use without its end: calls were cut off, or JSON, or there is no text at all. Any
// other text is the answer of the run, and its finish reason says that it is not complete.

/** The name of the guard for an answer that was cut off. The model is asked once more after it. */
export const TRUNCATED_GUARD = 'output_truncated';

/** The parameters that limit the tokens of an answer. */
const LIMITS = ['max_completion_tokens', 'max_tokens', 'max_output_tokens', 'num_predict'];
/** How much higher the limit is when the model is asked once more. */
const RAISE = 2;

/** The kind of the answer: a decision of a workflow, or one with a schema. */
export type AnswerContext = { isDecision: boolean; output_schema: JsonSchema | null };

/** Returns whether an answer was cut off so that it is of no use. */
export function isUseless(
  { finish_reason, content, cut_calls = [] }: ModelAnswer,
  { isDecision, output_schema }: AnswerContext,
): boolean {
  if (finish_reason !== 'length') return false;
  const text = content ?? '';
  const isBroken = output_schema !== null && !isJsonText(stripCodeFence(text));
  return isDecision || cut_calls.length > 0 || text.trim() === '' || isBroken;
}

/**
 * Returns whether the model was asked once more since its last answer, by the guard of this name.
 */
export function wasAskedAgain(
  { steps_since_answer: steps }: RunState,
  guard: string = TRUNCATED_GUARD,
): boolean {
  const answered = steps.findLastIndex(({ kind, call_id }) => kind === 'model' && !call_id);
  return steps.slice(answered + 1).some(({ kind, name }) => kind === 'guard' && name === guard);
}

/** Returns the model with a higher limit for its answer, if its parameters have one. */
export function withRaisedLimit(model: ModelRef): ModelRef {
  const limit = limitOf(model);
  if (limit === undefined) return model;
  const request_params = { ...model.request_params, [limit.name]: limit.tokens * RAISE };
  return { ...model, request_params };
}

function limitOf({ request_params }: ModelRef): { name: string; tokens: number } | undefined {
  for (const name of LIMITS) {
    const tokens = request_params[name];
    if (typeof tokens === 'number') return { name, tokens };
  }
  return undefined;
}

/**
 * Returns the guard that asks the model once more, or undefined if that would be the same request
 * again: JSON was cut off, and no parameter of ours is the limit.
 */
export function askAgain(
  answer: ModelAnswer,
  model: ModelRef,
  { isDecision }: AnswerContext,
): StepRecord | undefined {
  const { cut_calls = [] } = answer;
  const limit = limitOf(model);
  const isSame = limit === undefined && cut_calls.length === 0 && !isDecision;
  if (isSame) return undefined;
  const bound = limit === undefined ? '' : ` of ${limit.tokens} tokens`;
  const raised = limit === undefined ? '' : ` The limit is now ${limit.tokens * RAISE} tokens.`;
  const content =
    cut_calls.length > 0
      ? `Your answer was cut off by its token limit${bound} while it called ${listOf(cut_calls)}. Nothing was called.${raised} Make the call again with shorter arguments, or answer without it.`
      : `Your answer was cut off by its token limit${bound}.${raised} Answer again in full, and shorter.`;
  return {
    kind: 'guard',
    name: TRUNCATED_GUARD,
    output: { cut_calls, ...(limit && { limit: limit.tokens }) },
    messages: [{ role: 'user', content }],
  };
}

function listOf(names: readonly string[]): string {
  return [...new Set(names)].slice(0, 5).join(', ');
}

/** Returns the error of a run whose answer is of no use, even when the model was asked again. */
export function truncatedError(model: ModelRef, isRepeated: boolean): RunError {
  const limit = limitOf(isRepeated ? withRaisedLimit(model) : model);
  const fix = limit
    ? `raise ${limit.name} in the request_params of the model (it was ${limit.tokens})`
    : 'set max_tokens in the request_params of the model, or use a model with longer answers';
  const times = isRepeated ? ' twice' : '';
  const message = `the token limit cut the answer of model ${model.model} off${times}: ${fix}`;
  return { code: 'output_truncated', message, retryable: false };
}
