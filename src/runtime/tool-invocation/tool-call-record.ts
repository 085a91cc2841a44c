import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { RunSettings } from '../../contracts/runs/run-settings.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { JsonObject } from '../../json/json.ts';
import { backOff, maxAttempts } from '../environment/backoff.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import { trustOfResult } from '../held-run/trust.ts';
import type { OpenCall } from '../tool-plans/open-calls.ts';
import { questionForCall } from '../tool-plans/questions.ts';
import { questionStep, toolResultStep } from '../tool-plans/step-records.ts';
import { mayHaveTakenEffect } from '../tool-plans/uncertain-effect.ts';
import { isDatabaseTool } from './call-in-transaction.ts';

type RetryInputs = { random: RuntimeDependencies['random']; settings: RunSettings };

/** Creates the step that records an attempt, from the step of its start. */
export function attemptOutcomeStep(
  tool: ToolDefinition,
  open: OpenCall,
  outcome: ToolOutcome,
  { input, annotations, idempotency_key }: StepRecord,
  started_at: string,
  retryInputs: RetryInputs,
): StepRecord {
  const result: StepRecord = {
    ...toolResultStep(open, tool.name, input ?? null, outcome, started_at, {
      max_result_bytes: tool.configuration.max_result_bytes,
      ...retryInputs.settings,
    }),
    effect: tool.effect,
    ...(idempotency_key ? { idempotency_key } : {}),
    ...(annotations ? { annotations } : {}),
    trust: trustOfResult(tool, outcome),
  };
  return outcome.ok ? result : failedAttempt(tool, open, outcome.error, result, retryInputs);
}

/**
 * Creates the step of a failed attempt: a question when the effect is unknown, a retry when another
 * attempt is worthwhile, or else the result of the call.
 */
function failedAttempt(
  tool: ToolDefinition,
  open: OpenCall,
  error: RunError,
  result: StepRecord,
  { random, settings }: RetryInputs,
): StepRecord {
  if (tool.effect === 'once' && !isDatabaseTool(tool) && mayHaveTakenEffect(tool, error)) {
    const prompt = `${tool.name} was called and gave no answer (${error.message}). Did the call take effect?`;
    return {
      ...questionStep(questionForCall('effect', tool, open, result.input as JsonObject, prompt)),
      error,
    };
  }
  const attempt = open.failures.length + 1;
  if (attempt >= maxAttempts(error)) {
    return result;
  }
  const delay_ms = backOff(error, attempt, random, settings);
  const not_before = new Date(Date.now() + delay_ms).toISOString();
  const { kind: _, messages: __, trust: ___, ...attempted } = result; // not reported to the model
  return { ...attempted, kind: 'retry', input: { attempt }, output: { delay_ms, not_before } };
}

/**
 * Returns the guard step of a call that one of our own limits rejected, so that the log shows the
 * limit.
 */
export function limitGuard({ kind, name }: ToolDefinition, { error }: StepRecord): StepRecord[] {
  return kind === 'builtin' && error?.code === 'limit_reached'
    ? [{ kind: 'guard', name: `${name}_limit`, output: { message: error.message } }]
    : [];
}
