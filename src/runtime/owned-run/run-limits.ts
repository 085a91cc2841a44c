import type { RunSettings } from '../../contracts/runs/run-settings.ts';
import type { Called } from '../../db/runs/call-limits.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';
import type { Committed } from './committer.ts';
import type { RunLease } from './run-lease.ts';

/** A call that may be made. */
export type LimitedCall = {
  /** To be called once it is over, however it ended. */
  end(tokens?: number): Promise<void>;
};

const UNLIMITED: LimitedCall = { end: async () => {} };

/** What keeps a held run from calling models and tools for now, and the numbers it goes by when it calls them. */
export class RunLimits {
  /** No model may be called: a limit is reached. */
  isOverQuota = false;
  /** Tokens of its answers, as far as they are committed. */
  tokens = 0;
  /** Numbers of its tenant, as of the last commit. */
  settings: RunSettings;
  readonly #claimed: ClaimedRun;
  readonly #ownership: RunLease;
  #areCallsLimited: boolean;

  constructor({ claimed, ownership }: { claimed: ClaimedRun; ownership: RunLease }) {
    this.#claimed = claimed;
    this.#ownership = ownership;
    this.#areCallsLimited = claimed.are_calls_limited;
    this.settings = claimed.settings ?? {};
  }

  /** What a commit of the run said. */
  settled({ over_quota, are_calls_limited, settings, outcome, steps = [] }: Committed): void {
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
   * Asks to make a call. `full`: not now; when it `parks` the run has to wait (`quota`), and goes on when the limit lets it. `stale`:
   * the run is not ours any more.
   */
  async begin(called: Called, parks = true): Promise<LimitedCall | 'full' | 'stale'> {
    if (!this.#areCallsLimited) {
      return UNLIMITED;
    }
    const { execution_id, fence } = this.#claimed;
    const begun = await this.#ownership.beginCall(execution_id, fence, called, parks);
    if (begun.outcome === 'full' || begun.outcome === 'stale') {
      return begun.outcome;
    }
    const { call_id } = begun;
    return call_id === null
      ? UNLIMITED
      : { end: (tokens = 0) => this.#ownership.endCall(call_id, tokens) };
  }
}
