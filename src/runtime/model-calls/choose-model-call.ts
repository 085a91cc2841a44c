import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { ModelRef } from '../../contracts/agents/model.ts';
import type { ErrorCode, RunError } from '../../contracts/errors.ts';
import type { Action, RunState, StepSummary } from '../../contracts/runs/action.ts';
import { maxAttempts, PATIENCE_MS } from '../environment/backoff.ts';
import { RETRY_STEP_NAME } from '../tool-plans/open-calls.ts';
import { requestTokens } from './plan-model-call.ts';

/** A function that plans the call of a model. */
export type Prompting = (
  definition: AgentDefinition,
  state: RunState,
  model: ModelRef,
  attempt: number,
) => Action;

/**
 * Returns the call of the first model of the definition that has attempts left. Each model is tried
 * a few times, then the next model is called. After a rejection, the models of the provider `local`
 * are skipped, because their answer would hide a wrong key or name.
 */
export function nextModelCall(
  definition: AgentDefinition,
  state: RunState,
  prompt: Prompting,
): Action {
  const failures = failuresOf(state);
  const canShrink = (definition.agent.context_policy ?? 'none') !== 'none';
  const tries = (error: RunError, most?: number): number =>
    canShrink && error.code === 'context_too_long' ? SHRINKS : maxAttempts(error, most);
  const rejection = failures.findLast(({ error }) => error && REJECTIONS.has(error.code));
  let patient: Action | undefined;
  for (const model of definition.models) {
    if (model.provider === 'local' && rejection) continue;
    const own = failures.filter((failure) => failure.name === model.name);
    const most = attemptsOf(own.at(-1));
    const isSpent = own.some(({ error }) => error && own.length >= tries(error, most));
    const action = isSpent ? undefined : prompt(definition, state, model, own.length + 1);
    if (!action || isTooLongStill(action, own, definition, state)) {
      continue;
    }
    if ((own.at(-1)?.error?.retry_after_ms ?? 0) <= PATIENCE_MS) {
      return action;
    }
    patient ??= action; // the model requires a long wait: another one is called first, if any
  }
  if (patient) {
    return patient;
  }
  const error = (rejection ?? failures.at(-1))?.error;
  return error
    ? { type: 'fail', stop_reason: 'error', error: { ...error, retryable: false } }
    : {
        type: 'fail',
        stop_reason: 'error',
        error: { code: 'invalid_request', message: NO_MODEL, retryable: false },
      };
}

const NO_MODEL =
  'the agent has no model: assign one in agent_models, or create a model named default';

/** The codes of rejections that somebody has to correct: a key, a name, a parameter. */
const REJECTIONS: ReadonlySet<ErrorCode> = new Set([
  'unauthorized',
  'not_found',
  'invalid_request',
]);

/** Most attempts at a shorter request. Each is at most 70 % of the one before. */
const SHRINKS = 8;

/** Returns the number of attempts that was configured when one failed, if any. */
function attemptsOf(failure: StepSummary | undefined): number | undefined {
  return (failure?.input as { attempts?: number } | null | undefined)?.attempts;
}

/**
 * Returns whether a request is not shorter than one that was rejected, and would only be rejected
 * again.
 */
function isTooLongStill(
  action: Action,
  own: readonly StepSummary[],
  definition: AgentDefinition,
  { refused }: RunState,
): boolean {
  if (action.type !== 'call_model' || own.at(-1)?.error?.code !== 'context_too_long') return false;
  const limit = refused[action.model.name];
  return limit !== undefined && requestTokens(definition, action.messages) >= limit;
}

/** Returns the failed attempts since the last answer, or since the run was last retried by hand. */
function failuresOf({ steps_since_answer: steps }: RunState): readonly StepSummary[] {
  const before = steps.findLastIndex(
    ({ kind, name, call_id }) =>
      (kind === 'model' && !call_id) || (kind === 'retry' && name === RETRY_STEP_NAME),
  );
  return steps.slice(before + 1).filter(({ kind, call_id }) => kind === 'retry' && !call_id);
}
