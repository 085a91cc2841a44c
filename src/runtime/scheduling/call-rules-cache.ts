import { LRUCache } from 'lru-cache';
import { createBatchLoader } from '../../concurrency/batch-loader.ts';
import type { CallRules } from '../../contracts/runs/action.ts';
import type { StampedRules } from '../../db/runs/call-rules.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';

/**
 * Reads the rules for the calls of one run. `stamp` comes from the last commit of the run; it is
 * null if the commit returned none.
 */
export type ReadCallRules = (stamp: number | null) => Promise<CallRules>;

/**
 * The most shared entries, enough for the versions and users of one worker. Forgotten entries are
 * only loaded again.
 */
const MAX_SHARED = 10_000;

/**
 * A cache of the rules for calls. The rules are read again only if a definition of the tenant has
 * changed since (`stamp`). Runs with the same `shared_rules_key` share these rules, if the rules
 * apply to all of them (`is_shared`).
 */
export class CallRulesCache {
  readonly #load: (id: string) => Promise<StampedRules | undefined>;
  readonly #shared = new LRUCache<string, StampedRules>({ max: MAX_SHARED });

  constructor(load: (ids: readonly string[]) => Promise<readonly (StampedRules | undefined)[]>) {
    this.#load = createBatchLoader(load);
  }

  of(claimed: ClaimedRun): ReadCallRules {
    const { execution_id, shared_rules_key: key } = claimed;
    let known: StampedRules | undefined;
    return async (stamp) => {
      const candidates = [known, key === null ? undefined : this.#shared.get(key)];
      known = candidates.find((rules) => rules && stamp !== null && rules.stamp >= stamp);
      if (!known) {
        known = await this.#load(execution_id);
        if (!known) throw new Error(`run ${execution_id} no longer exists`);
        this.#share(key, known);
      }
      return known.rules;
    };
  }

  #share(key: string | null, rules: StampedRules): void {
    if (key === null || !rules.is_shared) {
      return;
    }
    this.#shared.set(key, rules);
  }
}
