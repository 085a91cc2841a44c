import type { ModelCallContext } from '../../contracts/agents/model.ts';
import type { Failure, Outcome } from '../../contracts/errors.ts';
import { createCancellation, createFailure } from '../failure.ts';
import type { Peer } from './failures.ts';
import { errorRedaction } from './redact.ts';
import { DEFAULT_LIMITS, type Limits, startWatch, type Watch } from './stall-timeout.ts';

/** One request to a model server, and how its errors become failures. */
export type Exchange<T> = {
  peer: Peer;
  limits: Partial<Limits> | undefined;
  send(watch: Watch): Promise<Outcome<T>>;
  failureOf(error: unknown): Failure;
};

/**
 * Sends one request to a model server and returns any result or failure as data. The request ends
 * with the caller's signal, and when the server is silent for too long.
 */
export async function exchange<T>(
  { peer, limits: overrides, send, failureOf }: Exchange<T>,
  { signal, limits: ofModel }: ModelCallContext,
): Promise<Outcome<T>> {
  const limits = { ...DEFAULT_LIMITS, ...overrides, ...ofModel };
  const watch = startWatch(signal, limits);
  let outcome: Outcome<T> | undefined;
  try {
    outcome = await send(watch);
  } catch (error) {
    outcome = failureOf(error);
  } finally {
    watch.stop(outcome?.ok !== true);
  }
  if (signal.aborted) return createCancellation();
  const ended = timeoutFailure(outcome, watch, limits, peer) ?? outcome;
  return ended.ok ? ended : { ...ended, error: errorRedaction(peer.key).error(ended.error) };
}

/**
 * Returns the failure of an answer that a limit ended. An answer or a status that was complete
 * before the limit is not replaced.
 */
function timeoutFailure(
  outcome: Outcome<unknown>,
  watch: Watch,
  limits: Limits,
  { host }: Peer,
): Failure | null {
  const limit = watch.exceededLimit();
  if (limit === null || outcome.ok || outcome.error.code !== 'bad_answer') return null;
  const what =
    limit === 'first_chunk_ms' ? 'did not start to answer' : 'stopped in the middle of the answer';
  const failure = createFailure('timeout', `${host} ${what}: no data for ${limits[limit]} ms.`, {
    cause: { limit, ms: limits[limit] },
  });
  return { ...failure, ...(outcome.usage && { usage: outcome.usage }) };
}
