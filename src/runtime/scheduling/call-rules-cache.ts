import { createBatchLoader } from '../../concurrency/batch-loader.ts';
import type { CallRules } from '../../contracts/runs/action.ts';
import type { StampedRules } from '../../db/runs/call-rules.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';

/** What holds for the calls of one run, when its last commit told this stamp; null when it told none. */
export type ReadCallRules = (stamp: number | null) => Promise<CallRules>;

/** Enough for the versions and users of one worker; it is only asked again for what is forgotten. */
const MOST_SHARED = 10_000;

/** Asks what holds for calls when something was defined in the run's tenant since, and keeps the answer until then. */
export class CallRulesCache {
  readonly #load: (id: string) => Promise<StampedRules | undefined>;
  readonly #shared = new Map<string, StampedRules>();

  constructor(load: (ids: readonly string[]) => Promise<readonly (StampedRules | undefined)[]>) {
    this.#load = createBatchLoader(load);
  }

  of(claimed: ClaimedRun): ReadCallRules {
    const { execution_id, alike } = claimed;
    let known: StampedRules | undefined;
    return async (stamp) => {
      const kept = [known, alike === null ? undefined : this.#shared.get(alike)];
      known = kept.find((rules) => rules && stamp !== null && rules.stamp >= stamp);
      if (!known) {
        known = await this.#load(execution_id);
        if (!known) throw new Error(`run ${execution_id} does not exist any more`);
        this.#share(alike, known);
      }
      return known.rules;
    };
  }

  #share(alike: string | null, rules: StampedRules): void {
    if (alike === null || !rules.is_shared) {
      return;
    }
    if (this.#shared.size >= MOST_SHARED) {
      this.#shared.clear();
    }
    this.#shared.set(alike, rules);
  }
}
