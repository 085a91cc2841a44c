import { z } from 'zod';
import { id, time } from '../fields.ts';

/** Columns that are only shown, of most tables. */
export const times = { created_at: time, updated_at: time };
/** Columns that are only shown, of what files describe. */
export const owner = { agent_system_id: id.nullable() };
/** Columns that are only shown, of agents and workflows, whose versions are immutable. */
export const versionedColumns = {
  is_restricted: z.boolean(),
  agent_system_id: id.nullable(),
  current_version_id: id.nullable(),
  ...times,
};
export const byName = { name: z.string().optional() };

/** Returns the names of the agents that use a row, in the table that relates them. */
export const namesOfAgents = (table: string, key: string) => ({
  sql: `array(select a.name from howdah.agents as a where a.deleted_at is null
    and exists (select from howdah.${table} as x where x.agent_id = a.id and x.${key} = t.id)
    order by a.name)`,
  schema: z.array(z.string()).describe('The names of the agents that use it'),
});
