import type pg from 'pg';

/** Locks an active run in a transaction: its row, then its head, which commits lock. */
export async function lockRun(client: Pick<pg.Pool, 'query'>, id: string): Promise<void> {
  for (const text of [
    'select from howdah.executions where id = $1 for update',
    'select from howdah_private.run_heads where execution_id = $1 for update',
  ]) {
    await client.query(text, [id]);
  }
}

/**
 * Advances the head of a run as a plain commit does: it adds one model answer with its message to
 * the log and to the head. The row in `howdah.executions` does not change.
 */
export async function advanceHead(
  pool: Pick<pg.Pool, 'query'>,
  id: string,
  { trust = 'external' }: { trust?: string } = {},
): Promise<void> {
  const { rowCount } = await pool.query(
    `with head as (
       update howdah_private.run_heads as h
       set step_count = h.step_count + 1, message_count = h.message_count + 1,
         model_count = h.model_count + 1, tokens_in = h.tokens_in + 100,
         tokens_out = h.tokens_out + 20, cost = h.cost + 0.5,
         trust = greatest(h.trust, $2::howdah.trust), updated_at = clock_timestamp()
       where h.execution_id = $1
       returning h.*
     ),
     step as (
       insert into howdah.steps (execution_id, seq, tenant_id, kind, name, tokens_in, tokens_out, cost, worker)
       select h.execution_id, h.step_count, h.tenant_id, 'model', 'default', 100, 20, 0.5, h.owner_worker
       from head as h
     )
     insert into howdah_private.message_log (execution_id, seq, tenant_id, session_id, step_seq, role, content, agent_id, trust)
     select h.execution_id, h.message_count, h.tenant_id, h.session_id, h.step_count, 'assistant', 'Soon.', h.agent_id, 'internal'
     from head as h`,
    [id, trust],
  );
  if (rowCount !== 1) throw new Error(`run ${id} has no head`);
}
