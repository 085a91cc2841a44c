import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { ModelRef } from '../../contracts/agents/model.ts';
import type { ErrorCode, RunError } from '../../contracts/errors.ts';
import type { Action, RunState, StepSummary } from '../../contracts/runs/action.ts';
import { maxAttempts, PATIENCE_MS } from '../environment/backoff.ts';
import {
  failuresOf,
  impatientError,
  inputOf,
  isWorthWaiting,
  type Patience,
  patienceAfter,
  waitLeft,
} from './patience.ts';
import { requestTokens } from './plan-model-call.ts';

/** A function that plans the call of a model. */
export type Prompting = (
  definition: AgentDefinition,
  state: RunState,
  model: ModelRef,
  attempt: number,
) => Action;

/** A model of the agent with its failed attempts. */
type Candidate = {
  model: ModelRef;
  own: readonly StepSummary[];
  /** True if the next model is called, if there is one. */
  isSpent: boolean;
  /** True if no later attempt can succeed. */
  isHopeless: boolean;
  /** The rest of the wait that its server asked for. */
  wait_ms: number;
};

/**
 * Returns the call of the first model of the definition that has attempts left. Each model is tried
 * a few times, then the next model is called. When no other model is left, the models that failed
 * are called again until the patience of the run is used up. After a rejection, the models of the
 * provider `local` are skipped, because their answer would hide a wrong key or name.
 */
export function nextModelCall(
  definition: AgentDefinition,
  state: RunState,
  prompt: Prompting,
): Action {
  const failures = failuresOf(state);
  const patience = patienceAfter(failures);
  const rejection = failures.findLast(({ error }) => error && REJECTIONS.has(error.code));
  const candidates = definition.models
    .filter(({ provider }) => !(provider === 'local' && rejection))
    .map((model) => candidateOf(model, definition, failures, patience));
  const ready = candidates.filter((one) => !one.isSpent && !isLongWait(one));
  const isPatient = patience !== undefined && ready.length < 2;
  const inOrder = isPatient
    ? patientOrder(candidates, patience)
    : [...ready, ...candidates.filter((one) => !one.isSpent && isLongWait(one))];
  for (const { model, own, wait_ms } of inOrder) {
    const action = prompt(definition, state, model, own.length + 1);
    if (isTooLongStill(action, own, definition, state)) continue;
    return isPatient && own.at(-1)?.error?.retryable
      ? withBounds(action, wait_ms, Math.max(wait_ms, patience.left_ms))
      : action;
  }
  return { type: 'fail', stop_reason: 'error', error: finalError(failures, candidates, patience) };
}

function candidateOf(
  model: ModelRef,
  definition: AgentDefinition,
  failures: readonly StepSummary[],
  patience: Patience | undefined,
): Candidate {
  const canShrink = (definition.agent.context_policy ?? 'none') !== 'none';
  const own = failures.filter(({ name }) => name === model.name);
  const most = inputOf(own.at(-1)).attempts;
  const tries = (error: RunError): number =>
    canShrink && error.code === 'context_too_long' ? SHRINKS : maxAttempts(error, most);
  const alike = (code: ErrorCode): number => own.filter(({ error }) => error?.code === code).length;
  return {
    model,
    own,
    isSpent: own.some(({ error }) => error && own.length >= tries(error)),
    isHopeless: own.some(
      ({ error }) => error && !isWorthWaiting(error) && alike(error.code) >= tries(error),
    ),
    wait_ms: waitLeft(own, patience),
  };
}

function isLongWait({ wait_ms }: Candidate): boolean {
  return wait_ms > PATIENCE_MS;
}

/**
 * Returns the models that may be called when no other model is left: the one with the fewest
 * attempts first. A model whose server asked for a long wait comes after those that can be called.
 */
function patientOrder(candidates: readonly Candidate[], { left_ms }: Patience): Candidate[] {
  return candidates
    .filter(({ isHopeless, own, wait_ms }) => {
      const last = own.at(-1)?.error;
      const isTimed = last && isWorthWaiting(last);
      return !isHopeless && !(isTimed && (left_ms <= 0 || wait_ms > left_ms));
    })
    .toSorted(
      (one, other) =>
        Number(isLongWait(one)) - Number(isLongWait(other)) ||
        (isLongWait(one) ? one.wait_ms - other.wait_ms : one.own.length - other.own.length),
    );
}

function withBounds(action: Action, least_ms: number, most_ms: number): Action {
  return action.type === 'call_model' || action.type === 'embed' || action.type === 'summarize'
    ? { ...action, wait: { least_ms, most_ms } }
    : action;
}

/** Returns the error of a run that calls no model any more. */
function finalError(
  failures: readonly StepSummary[],
  candidates: readonly Candidate[],
  patience: Patience | undefined,
): RunError {
  const rejection = failures.findLast(({ error }) => error && REJECTIONS.has(error.code));
  const [next] = candidates
    .filter(({ isHopeless, own }) => !isHopeless && own.length > 0)
    .toSorted((one, other) => one.wait_ms - other.wait_ms);
  const waited = next?.own.at(-1)?.error;
  if (patience && next && waited && isWorthWaiting(waited) && !rejection) {
    return impatientError(waited, failures.length, patience, next.wait_ms);
  }
  const error = (rejection ?? failures.at(-1))?.error;
  return error
    ? { ...error, retryable: false }
    : { code: 'invalid_request', message: NO_MODEL, retryable: false };
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
