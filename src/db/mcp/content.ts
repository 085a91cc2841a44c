import type { JsonObject } from '../../json/json.ts';
import type { Queryable } from '../connection/pool.ts';

/**
 * Returns the content other than text that a tool returned when a run called it without a model.
 * The result consists of blocks that refer to files by the ids of their resources. Empty where
 * there is no such content, and where a filter has changed the answer.
 */
export async function resultBlocks(client: Queryable, executionId: string): Promise<JsonObject[]> {
  const { rows } = await client.query<{ content: JsonObject[] }>(
    `select s.output -> '$content' as content
     from howdah.executions as e
     join howdah.agents as a on a.id = e.agent_id and a.engine_configuration ? 'tool'
     cross join lateral (
       select s.seq, s.output from howdah.steps as s
       where s.execution_id = e.id and s.kind = 'tool' order by s.seq desc limit 1
     ) as s
     join howdah.messages as m on m.execution_id = e.id and m.step_seq = s.seq and m.content = e.output
     where e.id = $1 and jsonb_typeof(s.output -> '$content') = 'array'`,
    [executionId],
  );
  return rows[0]?.content ?? [];
}

export type FileBytes = { type: string; bytes: Buffer | null };

/** Returns those files of the tenant that the caller may see, by their ids. */
export async function filesById(
  client: Queryable,
  ids: readonly string[],
): Promise<ReadonlyMap<string, FileBytes>> {
  const { rows } = await client.query<FileBytes & { id: string }>(
    `select r.id, r.type, r.bytes from howdah.resources as r
     where r.tenant_id = howdah.current_tenant() and r.id = any ($1)`,
    [ids],
  );
  return new Map(rows.map(({ id, ...file }) => [id, file]));
}
