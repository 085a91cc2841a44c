import { HowdahError } from '../../../contracts/errors.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { findNamed, listNamed, namesOf } from '../../../db/queries/named-objects.ts';
import { listAgents, listTools, toolsOfAgent } from '../../../db/queries/queries.ts';
import { deleteRow, insertRow, updateRow } from '../../../db/queries/row-collection.ts';
import { forTenant, tenantOf } from '../../input/resolve-tenant.ts';
import { shortenRow } from '../../print/rows.ts';
import type { DefinitionBackend, NewDefinition } from '../backend.ts';
import { AGENTS, type DefinitionKind, unknownName, WORKFLOWS } from '../definition-kinds.ts';
import { toolListing, toolRowsOf } from '../tool-rows.ts';
import type { CliDatabase } from '../with-database.ts';

/** Creates the `DefinitionBackend` of a database, for one tenant. */
export function createDatabaseDefinitions(
  database: CliDatabase,
  tenant: string | undefined,
): DefinitionBackend {
  const { db } = database;
  return {
    async list({ kind, emptyMessage }) {
      if (kind === 'agents' || kind === 'tools') {
        const tenantId = tenant && (await tenantOf(db, tenant)).id;
        if (kind === 'tools') return toolListing(await listTools(db, tenantId));
        return { items: await listAgents(db, tenantId) };
      }
      const items = await forTenant(database, tenant, (client) => listNamed(client, kind));
      return { items, rows: items.map((row) => shortenRow(row)), empty: emptyMessage };
    },
    listToolsOf: (agent) =>
      forTenant(database, tenant, async (client) => toolRowsOf(await toolsOfAgent(client, agent))),
    find: (named, name) =>
      forTenant(database, tenant, (client) => requireDefinition(client, named, name)),
    create: (named, definition) =>
      forTenant(database, tenant, async (client) => {
        const row = await rowOf(client, definition);
        return requireDefinition(client, named, await insertRow(client, collectionOf(named), row));
      }),
    change: (named, name, values) =>
      forTenant(database, tenant, async (client) => {
        const { id } = await requireDefinition(client, named, name);
        if (!(await updateRow(client, collectionOf(named), id, { values }))) {
          throw new HowdahError('HWDEN', `this login may not change ${named.singular}s`);
        }
        return requireDefinition(client, named, id);
      }),
    delete: (named, name, isWanted) =>
      forTenant(database, tenant, async (client) => {
        const found = await requireDefinition(client, named, name);
        if (!(await isWanted())) return undefined;
        await remove(client, named, found.id);
        return found;
      }),
  };
}

/** Returns the row of this name or id. Throws `HWNTF` with the names that may have been meant. */
export async function requireDefinition(client: Queryable, named: DefinitionKind, name: string) {
  const found = await findNamed(client, named.kind, name);
  if (found) return found;
  throw unknownName(named, name, await namesOf(client, named.kind));
}

async function rowOf(client: Queryable, { agent, workflow, values }: NewDefinition) {
  return {
    ...values,
    ...(agent !== undefined && { agent_id: (await requireDefinition(client, AGENTS, agent)).id }),
    ...(workflow !== undefined && {
      workflow_id: (await requireDefinition(client, WORKFLOWS, workflow)).id,
    }),
  };
}

async function remove(client: Queryable, named: DefinitionKind, id: string): Promise<void> {
  if (named.kind === 'prompts' || named.kind === 'skills') {
    // the row is kept if other rows refer to it
    await client.query(`select (howdah.delete_${named.singular}($1)).id`, [id]);
  } else if (!(await deleteRow(client, collectionOf(named), id))) {
    throw new HowdahError('HWDEN', `this login has no permission to delete ${named.singular}s`);
  }
}

const collectionOf = ({ kind }: DefinitionKind) => ({ table: kind, shown: 't.id', stamp: 't.id' });
