import type { ModelProvider, ModelRef } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { createFailure } from '../failure.ts';
import { wrapCalls } from '../wrap-calls.ts';
import type { Limits } from './stall-timeout.ts';

const NAMES: readonly (keyof Limits)[] = ['first_chunk_ms', 'between_chunks_ms'];
/** The range of a time limit: a second to an hour. */
const [LEAST, MOST] = [1_000, 3_600_000];

/**
 * Wraps a provider, so that `first_chunk_ms` and `between_chunks_ms` in the `request_params` of a
 * model are its time limits. They are not sent to the server.
 */
export function withTimeLimits(provider: ModelProvider): ModelProvider {
  return wrapCalls(provider, async (call, request, context) => {
    const found = timeLimitsIn(request.model);
    if (!found.ok) return found;
    const { limits, params } = found.value;
    const model = { ...request.model, request_params: params };
    return call({ ...request, model }, { ...context, limits });
  });
}

function timeLimitsIn({
  name,
  request_params,
}: ModelRef): Outcome<{ limits: Partial<Limits>; params: JsonObject }> {
  const params = { ...request_params };
  const limits: Partial<Limits> = {};
  for (const limit of NAMES) {
    const value = params[limit];
    delete params[limit];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'number' || value < LEAST || value > MOST) {
      const message = `request_params.${limit} of model ${name} must be a number of milliseconds from ${LEAST} to ${MOST}.`;
      return createFailure('invalid_request', message);
    }
    limits[limit] = value;
  }
  return { ok: true, value: { limits, params } };
}
