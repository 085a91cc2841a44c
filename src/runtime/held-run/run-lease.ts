import type { FilteredValue } from '../../db/access/output-filters.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { applyOutputFilters, type FilterTarget } from '../../db/runs/apply-output-filters.ts';
import {
  beginCall,
  type CallAdmission,
  type CallTarget,
  endCall,
} from '../../db/runs/call-limits.ts';
import { capableAgents } from '../../db/runs/capable-agents.ts';
import type { Commit } from '../../db/runs/commit-query.ts';
import {
  type FirstDiscovery,
  firstDiscovery,
  type TakenInbox,
  takeInbox,
} from '../../db/runs/runs.ts';
import type { Json } from '../../json/json.ts';
import type { ReadCallRules } from '../scheduling/call-rules-cache.ts';

/** The operations of a held run on the database besides its commits. */
export type RunLease = {
  /**
   * Takes what came from outside. Returns undefined if this worker does not own the run any more.
   */
  takeInbox(run: Pick<Commit, 'id' | 'fence' | 'after'>): Promise<TakenInbox | undefined>;
  /** Reads whether the MCP servers of the run's agent have listed their tools. */
  firstDiscovery(id: string, fence: number): Promise<FirstDiscovery | undefined>;
  /** Requests a call that may be limited; see `CallAdmission`. */
  beginCall(id: string, fence: number, called: CallTarget, parks: boolean): Promise<CallAdmission>;
  endCall(call_id: string, tokens: number): Promise<void>;
  /** Reads the present rules for calls. */
  rulesOf: ReadCallRules;
  /** Returns the agents to which the run may give its task, as its members. */
  capableAgents(id: string): Promise<Json>;
  /** Applies the output filters to a value. A replay finds the recorded result by `call_id`. */
  applyOutputFilters(
    id: string,
    outlet: FilterTarget,
    value: Json,
    call_id?: string,
  ): Promise<FilteredValue>;
};

/**
 * Creates the lease of a run that this worker owns. `filters` are connections for output filters
 * alone.
 */
export function createRunLease(
  { pool, filters }: { pool: Pool; filters: Pool },
  worker: string,
  rulesOf: ReadCallRules,
): RunLease {
  return {
    takeInbox: (commit) => takeInbox(pool, worker, commit),
    firstDiscovery: (id, fence) => firstDiscovery(pool, worker, id, fence),
    beginCall: (id, fence, called, parks) => beginCall(pool, worker, id, fence, called, parks),
    endCall: (call_id, tokens) => endCall(pool, call_id, tokens),
    rulesOf,
    capableAgents: (id) => capableAgents(pool, id),
    applyOutputFilters: (id, outlet, value) => applyOutputFilters(filters, id, outlet, value),
  };
}
