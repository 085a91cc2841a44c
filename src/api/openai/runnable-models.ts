import type { Client } from '../../db/queries/json-rows.ts';
import type { Model } from './answers.ts';

/**
 * Reads the agents and workflows that the caller may run, by name. With `name`, reads only the
 * agent or workflow of this name.
 */
export async function modelsOf(db: Client, name?: string): Promise<Model[]> {
  const { rows } = await db.query<{ id: string; created: string; owned_by: string }>(
    'select id, created, owned_by from howdah_private.runnable_models($1)',
    [name ?? null],
  );
  return rows.map(({ id, created, owned_by }) => ({
    id,
    object: 'model',
    created: Number(created),
    owned_by,
  }));
}
