import type { ModelAnswer, ModelRequest } from '../../contracts/agents/model.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { deadline } from '../environment/deadline.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { LimitedCall } from '../held-run/call-admission.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { trustOfAnswer } from '../held-run/trust.ts';
import { answerDetails, tokensOf } from './answers/answer-record.ts';
import { permittedModel } from './vendor-tools.ts';

/** A request to a model within a call, with its data for the log. */
export type NestedModelRequest = Pick<ModelRequest, 'model' | 'messages' | 'output_schema'> & {
  input: JsonObject;
  outputOf(answer: ModelAnswer): JsonObject;
};

/**
 * Calls a model without tools, within a call. The answer is in the log, and its price in the
 * budget, before it is returned.
 */
export async function callNestedModel(
  { model: named, messages, output_schema, input, outputOf }: NestedModelRequest,
  signal: AbortSignal,
  call_id: string,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<Outcome<ModelAnswer>> {
  if (run.state.exhausted || run.limits.isOverQuota) {
    const used = run.state.exhausted ?? 'a limit of the tenant';
    return failure('limit_reached', `the run may not call a model again: ${used} is reached`);
  }
  const started_at = new Date().toISOString();
  const { model } = await permittedModel(named, run);
  const found = world.provider(model, run.context.tenant_id);
  if (!found.ok) return found;
  const time = deadline(signal, run.timeLeft);
  const callWhenAllowed = async (): Promise<Outcome<ModelAnswer>> => {
    const limitedCall = await waitForRoom(model, time.signal, run, world);
    if (!limitedCall)
      return failure(
        'limit_reached',
        `the limit of the model ${model.name} did not allow the call in time`,
      );
    let tokens = 0;
    try {
      const request = { model, messages, tools: [], output_schema };
      const answered = await found.value.generate(request, { signal: time.signal });
      tokens = answered.ok ? answered.value.usage.tokens_in + answered.value.usage.tokens_out : 0;
      return answered;
    } finally {
      await limitedCall.end(tokens);
    }
  };
  const outcome = await callWhenAllowed().finally(() => time.clear());
  if (run.abort.signal.aborted || !run.isHeld || !outcome.ok) {
    return outcome.ok ? failure('cancelled', 'the run was cancelled') : outcome;
  }
  const { finish_reason, usage } = outcome.value;
  const step = { kind: 'model', name: model.name, model_id: model.id, call_id } as const;
  const output = { ...answerDetails(outcome.value), ...outputOf(outcome.value) };
  const trust = trustOfAnswer(outcome.value);
  await run.commit([{ ...step, input, output, ...tokensOf(usage), ...trust, started_at }]);
  if (!run.isHeld) {
    return failure('cancelled', 'another worker owns this run'); // it is not in the log
  }
  if (finish_reason === 'content_filter') {
    return failure('content_filtered', "the answer was withheld by its provider's content filter");
  }
  return finish_reason === 'refusal' ? failure('refused', 'the model refused to answer') : outcome;
}

const POLL_MS = 500;

/**
 * Waits for a limit to have room, since a call cannot be parked in its middle. The wait is no
 * longer than the call may take. Returns undefined if there was no room in time.
 */
async function waitForRoom(
  model: NestedModelRequest['model'],
  signal: AbortSignal,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<LimitedCall | undefined> {
  while (!signal.aborted) {
    const limitedCall = await run.limits.begin({ model }, false);
    if (limitedCall === 'stale') {
      run.relinquish();
      return undefined;
    }
    if (limitedCall !== 'full') return limitedCall;
    await world.sleep(POLL_MS, signal);
  }
  return undefined;
}

function failure(code: RunError['code'], message: string): { ok: false; error: RunError } {
  return { ok: false, error: { code, message, retryable: false } };
}
