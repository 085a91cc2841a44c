import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Usage } from '../../contracts/agents/usage.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { RunSettings } from '../../contracts/runs/run-settings.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { beginModelCall, type CallTarget, endCall } from '../../db/runs/call-limits.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';
import type { Committed } from './committer.ts';
import type { RunLease } from './run-lease.ts';

/** A call that may be made. */
export type LimitedCall = {
  /** Ends the call. Must be called once the call is over, however it ended. */
  end(tokens?: number): Promise<void>;
};

const UNLIMITED: LimitedCall = { end: async () => {} };

/** The limits on the model and tool calls of a held run, and the settings for these calls. */
export class RunLimits {
  /** True if a limit is reached, so that no model may be called. */
  isOverQuota = false;
  /** The tokens of its committed answers. */
  tokens = 0;
  /** The settings of its tenant, as of the last commit. */
  settings: RunSettings;
  readonly #claimed: ClaimedRun;
  readonly #lease: RunLease;
  #areCallsLimited: boolean;

  constructor({ claimed, lease }: { claimed: ClaimedRun; lease: RunLease }) {
    this.#claimed = claimed;
    this.#lease = lease;
    this.#areCallsLimited = claimed.are_calls_limited;
    this.settings = claimed.settings ?? {};
  }

  /** Applies the result of a commit of the run. */
  applyCommit({ over_quota, are_calls_limited, settings, outcome, steps = [] }: Committed): void {
    this.isOverQuota = over_quota;
    this.#areCallsLimited = are_calls_limited;
    this.settings = settings ?? {};
    if (outcome === 'committed') {
      this.tokens += steps.reduce(
        (sum, one) => sum + (one.tokens_in ?? 0) + (one.tokens_out ?? 0),
        0,
      );
    }
  }

  /**
   * Requests a call. `full` means that the call may not be made now. With `parks`, the run then has
   * to wait (`quota`), and continues when the limit allows. `stale` means that this worker does not
   * own the run any more.
   */
  async begin(called: CallTarget, parks = true): Promise<LimitedCall | 'full' | 'stale'> {
    if (!this.#areCallsLimited) {
      return UNLIMITED;
    }
    const { execution_id, fence } = this.#claimed;
    const decision = await this.#lease.beginCall(execution_id, fence, called, parks);
    if (decision.outcome === 'full' || decision.outcome === 'stale') {
      return decision.outcome;
    }
    const { call_id } = decision;
    return call_id === null
      ? UNLIMITED
      : { end: (tokens = 0) => this.#lease.endCall(call_id, tokens) };
  }
}

/** Requests a call of a model outside of steps, such as for vectors, within the limits of calls. */
export type BeginCall = (model: ModelRef) => Promise<LimitedCall | { wait_ms: number }>;

/** Returns the admission of calls that a job makes for a tenant. */
export function callsOfTenant(pool: Pool, tenantId: string): BeginCall {
  return async ({ id }) => {
    const decision = await beginModelCall(pool, tenantId, id);
    if (decision.outcome === 'full') return { wait_ms: decision.wait_ms };
    if (decision.outcome === 'free') return UNLIMITED;
    return { end: (tokens = 0) => endCall(pool, decision.call_id, tokens) };
  };
}

/** Returns the admission of calls that a tool of a run makes. The run does not wait for a limit. */
export function callsOfRun({ limits }: { limits: RunLimits }): BeginCall {
  return async (model) => {
    const decision = await limits.begin({ model }, false);
    return typeof decision === 'string' ? { wait_ms: 0 } : decision;
  };
}

/** Makes a call if limits allow it. Otherwise fails with `limit_reached`. */
export async function callWithin<T extends { usage?: Usage }>(
  begin: BeginCall,
  model: ModelRef,
  call: () => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const admission = await begin(model);
  if ('wait_ms' in admission) {
    const message = `A limit of calls of the model ${model.name} is reached.`;
    const { wait_ms: retry_after_ms } = admission;
    return {
      ok: false,
      error: { code: 'limit_reached', message, retryable: true, retry_after_ms },
    };
  }
  let tokens = 0;
  try {
    const outcome = await call();
    if (outcome.ok) {
      tokens = (outcome.value.usage?.tokens_in ?? 0) + (outcome.value.usage?.tokens_out ?? 0);
    }
    return outcome;
  } finally {
    await admission.end(tokens);
  }
}
