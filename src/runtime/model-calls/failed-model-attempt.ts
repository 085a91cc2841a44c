import type { FinishReason } from '../../contracts/agents/model.ts';
import type { Usage } from '../../contracts/agents/usage.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { Action } from '../../contracts/runs/action.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import { backOff, PARK_AFTER_MS, patientBackOff, RETRY_FOR } from '../environment/backoff.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import { foldRecords } from '../held-run/fold.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { tokensOf, usageDetails } from './answers/answer-record.ts';
import { type AttemptInput, elapsedMs, failuresOf } from './patience.ts';
import { requestTokens } from './plan-model-call.ts';

type Asking = Extract<Action, { type: 'call_model' | 'embed' }>;

/**
 * Commits one failed attempt, with the tokens that the vendor counted nevertheless, and the finish
 * reason of an answer that was refused. The run then waits, here or as a row, if the same model is
 * called again, or if no other model is left.
 */
export async function commitFailedAttempt(
  action: Asking,
  run: HeldRun,
  world: RuntimeDependencies,
  error: RunError,
  started_at: string,
  usage?: Usage,
  finish_reason?: FinishReason,
): Promise<void> {
  const record: StepRecord = {
    kind: 'retry',
    name: action.model.name,
    model_id: action.model.id,
    input: attemptInput(action, run, world, error, started_at),
    error,
    ...(usage && tokensOf(usage)),
    started_at,
  };
  const ahead = await run.next(foldRecords(run.state, [record], NO_NEW_LIMITS));
  const delay_ms = delayBefore(ahead, action, error, run, world);
  const details = { ...usageDetails(usage), ...(finish_reason && { finish_reason }) };
  const records = [{ ...record, output: { delay_ms, ...details } }];
  if (delay_ms > PARK_AFTER_MS) {
    await run.commit(records, { status: 'waiting', waiting_for: 'timer', delay_ms });
  } else {
    await run.commit(records);
    await world.sleep(delay_ms, run.abort.signal);
  }
}

/** Returns what the step of a failed attempt says about the attempt and its series of failures. */
function attemptInput(
  action: Asking,
  run: HeldRun,
  world: RuntimeDependencies,
  error: RunError,
  started_at: string,
): AttemptInput {
  const { model_attempts: attempts } = run.limits.settings;
  const retry_for = retryFor(run);
  const elapsed_ms = elapsedMs(failuresOf(run.state), Date.now() - Date.parse(started_at));
  return {
    attempt: action.attempt,
    ...(attempts === undefined ? {} : { attempts }),
    ...(retry_for === 0
      ? {}
      : { elapsed_ms: world.recordedCalls?.elapsedMs() ?? elapsed_ms, retry_for }),
    ...(action.type === 'call_model' && error.code === 'context_too_long'
      ? { estimated_tokens: requestTokens(run.definition, action.messages) }
      : {}),
  };
}

/** Returns the seconds for which a run repeats calls of its models. */
function retryFor({ definition, limits }: HeldRun): number {
  return definition.agent.retry_for ?? limits.settings.retry_for ?? RETRY_FOR;
}

/** Returns the milliseconds to wait before the next action. */
function delayBefore(
  ahead: Action,
  action: Asking,
  error: RunError,
  { limits: { settings } }: HeldRun,
  { random }: RuntimeDependencies,
): number {
  if (!('model' in ahead)) return 0;
  if (ahead.wait) return patientBackOff(ahead.wait, action.attempt, random, settings);
  const isSameModel = ahead.model.id === action.model.id;
  return isSameModel && error.retryable ? backOff(error, action.attempt, random, settings) : 0;
}

/**
 * Control data for folding steps before they are committed. The limits that the database will
 * report with the commit are unknown then, and are taken as not used up.
 */
export const NO_NEW_LIMITS = { exhausted: null } as const;
