import type { ModelAnswer, ModelRequest } from '../../contracts/agents/model.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { deadline } from '../environment/deadline.ts';
import type { World } from '../environment/world.ts';
import type { HeldRun } from '../owned-run/held-run.ts';
import type { LimitedCall } from '../owned-run/run-limits.ts';

/** What a model is asked within a call, and what the log tells of it. */
export type NestedModelRequest = Pick<ModelRequest, 'model' | 'messages' | 'output_schema'> & {
  input: JsonObject;
  told(answer: ModelAnswer): JsonObject;
};

/** Asks a model without tools, for a call. The answer is in the log, and its price in the budget, before anybody has it. */
export async function callNestedModel(
  { model, messages, output_schema, input, told }: NestedModelRequest,
  signal: AbortSignal,
  call_id: string,
  run: HeldRun,
  world: World,
): Promise<Outcome<ModelAnswer>> {
  if (run.state.exhausted || run.limits.isOverQuota) {
    const used = run.state.exhausted ?? 'a limit of the tenant';
    return no('limit_reached', `the run may not ask a model any more: ${used} is used up`);
  }
  const started_at = new Date().toISOString();
  const found = world.provider(model, run.context.tenant_id);
  if (!found.ok) return found;
  const time = deadline(signal, run.timeLeft);
  const ask = async (): Promise<Outcome<ModelAnswer>> => {
    const begun = await roomFor(model, time.signal, run, world);
    if (!begun)
      return no('limit_reached', `the limit of the model ${model.name} had no room in time`);
    let tokens = 0;
    try {
      const asked = { model, messages, tools: [], output_schema };
      const answered = await found.value.generate(asked, { signal: time.signal });
      tokens = answered.ok ? answered.value.usage.tokens_in + answered.value.usage.tokens_out : 0;
      return answered;
    } finally {
      await begun.end(tokens);
    }
  };
  const outcome = await ask().finally(() => time.clear());
  if (run.abort.signal.aborted || !run.isHeld || !outcome.ok) {
    return outcome.ok ? no('cancelled', 'the run was cancelled') : outcome;
  }
  const { finish_reason, usage } = outcome.value;
  const step = { kind: 'model', name: model.name, model_id: model.id, call_id } as const;
  const output = { finish_reason, ...told(outcome.value) };
  await run.commit([{ ...step, input, output, ...usage, started_at }]);
  if (!run.isHeld) {
    return no('cancelled', 'another worker owns this run'); // it is not in the log
  }
  return finish_reason === 'content_filter'
    ? no('content_filtered', "the answer was withheld by its provider's content filter")
    : outcome;
}

const LOOK_MS = 500;

/** A call cannot park in its middle, so it waits here, no longer than it may take; undefined when there was no room in time. */
async function roomFor(
  model: NestedModelRequest['model'],
  signal: AbortSignal,
  run: HeldRun,
  world: World,
): Promise<LimitedCall | undefined> {
  while (!signal.aborted) {
    const begun = await run.limits.begin({ model }, false);
    if (begun === 'stale') {
      run.relinquish();
      return undefined;
    }
    if (begun !== 'full') return begun;
    await world.sleep(LOOK_MS, signal);
  }
  return undefined;
}

function no(code: RunError['code'], message: string): { ok: false; error: RunError } {
  return { ok: false, error: { code, message, retryable: false } };
}
