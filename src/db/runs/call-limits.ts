import type { Pool } from '../connection/pool.ts';

/** The tool or the model of a call that is about to be made. */
export type CallTarget = {
  tool?: { id: string; name: string };
  model?: { id: string | null; model: string };
};

/**
 * The decision about a call. `free`: no limit applies. `begun`: the call counts from now on.
 * `full`: the call may not begin now. `stale`: the run does not belong to this worker.
 */
export type CallAdmission = {
  outcome: 'free' | 'begun' | 'full' | 'stale';
  /** The id of a call that has begun. */
  call_id: string | null;
};

/**
 * Requests a call. With `parks`, a run whose call may not begin is recorded as waiting for the
 * limit, and has to park.
 */
export async function beginCall(
  pool: Pool,
  worker: string,
  id: string,
  fence: number,
  { tool, model }: CallTarget,
  parks: boolean,
): Promise<CallAdmission> {
  const { rows } = await pool.query({
    name: 'begin_call',
    text: 'select outcome, call_id from howdah_private.begin_call($1, $2, $3, $4, $5, $6, $7, $8)',
    values: [worker, id, fence, tool?.id, tool?.name, model?.id, model?.model, parks],
  });
  return rows[0];
}

/** The decision about a call outside of steps. `full`: try again after `wait_ms`. */
export type ModelCallAdmission =
  | { outcome: 'free' }
  | { outcome: 'begun'; call_id: string }
  | { outcome: 'full'; wait_ms: number };

/** Requests a call of a model that belongs to no run. */
export async function beginModelCall(
  pool: Pool,
  tenantId: string,
  modelId: string | null,
): Promise<ModelCallAdmission> {
  const { rows } = await pool.query({
    name: 'begin_model_call',
    text: 'select outcome, call_id, wait_ms from howdah_private.begin_model_call($1, $2)',
    values: [tenantId, modelId],
  });
  return rows[0];
}

/** Ends a call that used this number of tokens. */
export async function endCall(pool: Pool, call_id: string, tokens: number): Promise<void> {
  await pool.query({
    name: 'end_call',
    text: 'select howdah_private.end_call($1, $2)',
    values: [call_id, tokens],
  });
}
