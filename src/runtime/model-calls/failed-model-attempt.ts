import type { FinishReason } from '../../contracts/agents/model.ts';
import type { Usage } from '../../contracts/agents/usage.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { Action } from '../../contracts/runs/action.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import { backOff, PARK_AFTER_MS } from '../environment/backoff.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import { foldRecords } from '../held-run/fold.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { tokensOf, usageDetails } from './answers/answer-record.ts';
import { requestTokens } from './plan-model-call.ts';

type Asking = Extract<Action, { type: 'call_model' | 'embed' }>;

/**
 * Commits one failed attempt, with the tokens that the vendor counted nevertheless, and the finish
 * reason of an answer that was refused. The run then
 * waits, here or as a row, if the same model is called again.
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
  const { settings } = run.limits;
  const record: StepRecord = {
    kind: 'retry',
    name: action.model.name,
    model_id: action.model.id,
    input: {
      attempt: action.attempt,
      ...(settings.model_attempts === undefined ? {} : { attempts: settings.model_attempts }),
      ...(action.type === 'call_model' && error.code === 'context_too_long'
        ? { estimated_tokens: requestTokens(run.definition, action.messages) }
        : {}),
    },
    error,
    ...(usage && tokensOf(usage)),
    started_at,
  };
  const ahead = await run.next(foldRecords(run.state, [record], NO_NEW_LIMITS));
  const isSameModel = ahead.type === action.type && ahead.model.id === action.model.id;
  const delay_ms =
    isSameModel && error.retryable ? backOff(error, action.attempt, world.random, settings) : 0;
  const details = { ...usageDetails(usage), ...(finish_reason && { finish_reason }) };
  const records = [{ ...record, output: { delay_ms, ...details } }];
  if (delay_ms > PARK_AFTER_MS) {
    await run.commit(records, { status: 'waiting', waiting_for: 'timer', delay_ms });
  } else {
    await run.commit(records);
    await world.sleep(delay_ms, run.abort.signal);
  }
}

/**
 * Control data for folding steps before they are committed. The limits that the database will
 * report with the commit are unknown then, and are taken as not used up.
 */
export const NO_NEW_LIMITS = { exhausted: null } as const;
