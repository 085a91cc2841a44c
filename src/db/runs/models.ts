import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { Pool } from '../connection/pool.ts';

/** Returns the current definition of a tenant's model of purpose llm, by name. */
export async function resolveModel(
  pool: Pool,
  tenantId: string,
  name: string,
): Promise<Outcome<ModelRef>> {
  const { rows } = await pool.query<{ model: ModelRef | null }>(
    'select howdah_private.answering_model($1, $2) as model',
    [tenantId, name],
  );
  const model = rows[0]?.model;
  const message = `there is no model named ${name} that answers`;
  return model
    ? { ok: true, value: model }
    : { ok: false, error: { code: 'tool_failed', message, retryable: false } };
}
