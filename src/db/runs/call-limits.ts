import type { Pool } from '../connection/pool.ts';

/** What is about to be called: a tool, or a model. */
export type Called = {
  tool?: { id: string; name: string };
  model?: { id: string | null; model: string };
};

/**
 * Whether a call may be made: `free` when no limit is about it, `begun` when it counts from now on, `full` when it may not begin now,
 * `stale` when the run is not this worker's.
 */
export type BegunCall = {
  outcome: 'free' | 'begun' | 'full' | 'stale';
  /** Of one that has begun. */
  call_id: string | null;
};

/** Asks to make a call. With `parks` a run that may not is noted as waiting for it, and has to park. */
export async function beginCall(
  pool: Pool,
  worker: string,
  id: string,
  fence: number,
  { tool, model }: Called,
  parks: boolean,
): Promise<BegunCall> {
  const { rows } = await pool.query({
    name: 'begin_call',
    text: 'select outcome, call_id from howdah_private.begin_call($1, $2, $3, $4, $5, $6, $7, $8)',
    values: [worker, id, fence, tool?.id, tool?.name, model?.id, model?.model, parks],
  });
  return rows[0];
}

/** The call has ended, and used so many tokens. */
export async function endCall(pool: Pool, call_id: string, tokens: number): Promise<void> {
  await pool.query({
    name: 'end_call',
    text: 'select howdah_private.end_call($1, $2)',
    values: [call_id, tokens],
  });
}
