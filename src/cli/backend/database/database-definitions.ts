import { HowdahError } from '../../../contracts/errors.ts';
import { secretRowsOn } from '../../../db/access/secrets.ts';
import { inTenant, type Queryable } from '../../../db/connection/pool.ts';
import { toolsOfAgent } from '../../../db/queries/queries.ts';
import { findById, findByName, listByName, namesOf } from '../../../resources/named-rows.ts';
import { changeRow, createRow, readRow, removeRow } from '../../../resources/operations.ts';
import type { CommandResource, Writer } from '../../../resources/resource.ts';
import { createSecretWriter } from '../../../secrets/writer.ts';
import { forTenant, tenantOf } from '../../input/resolve-tenant.ts';
import type { DefinitionBackend, Row } from '../backend.ts';
import { listing } from '../listing.ts';
import { toolRowsOf } from '../tool-rows.ts';
import { nameColumnOf, onlyRow, unknownName } from '../unknown-name.ts';
import type { CliDatabase } from '../with-database.ts';
import { withDates } from '../with-dates.ts';

/** Creates the `DefinitionBackend` of a database, for one tenant. */
export function createDatabaseDefinitions(
  database: CliDatabase,
  tenant: string | undefined,
): DefinitionBackend {
  const read = <T>(work: (client: Queryable) => Promise<T>) => forTenant(database, tenant, work);
  const write = <T>(work: (client: Queryable, writer: Writer) => Promise<T>) =>
    inTransactionOfTenant(database, tenant, work);
  return {
    list: async (resource) =>
      listing(resource, await read((client) => listByName(client, namedRows(resource)))),
    listToolsOf: (agent) => read(async (client) => toolRowsOf(await toolsOfAgent(client, agent))),
    async lookUp(resource, name) {
      const found = await read((client) => lookUpDefinition(client, resource, name));
      return found && withDates(found);
    },
    find: (resource, name) =>
      read(async (client) => withDates(await requireDefinition(client, resource, name))),
    create: (resource, values) =>
      write(async (client, writer) => {
        // what is shown only once needs the master key of the workers, which may be elsewhere
        const { shownOnce: _, ...storable } = resource;
        return withDates((await createRow(client, storable, values, writer)).row);
      }),
    change: (resource, name, values) =>
      write(async (client, writer) => {
        const { id } = await requireDefinition(client, resource, name);
        const change = { ...writer, isWhole: false };
        const changed = await changeRow(client, resource, id, values, change);
        if (!changed) throw denied(resource, 'change');
        return withDates(changed.row);
      }),
    async delete(resource, name, isWanted) {
      const found = await read((client) => requireDefinition(client, resource, name));
      if (!(await isWanted())) return undefined;
      await write(async (client) => {
        await readRow(client, resource, found.id);
        await removeRow(client, resource, found.id).catch((error) => {
          throw error.code === 'HWNTF' ? denied(resource, 'delete') : error;
        });
      });
      return withDates(found);
    },
  };
}

/** Returns the row of this name or id. Throws `HWNTF` with the names that may have been meant. */
export async function requireDefinition(
  client: Queryable,
  resource: CommandResource,
  name: string,
): Promise<Row & { id: string }> {
  const found = await lookUpDefinition(client, resource, name);
  if (found) return found;
  throw unknownName(resource, name, await namesOf(client, namedRows(resource)));
}

async function lookUpDefinition(client: Queryable, resource: CommandResource, name: string) {
  const named = namedRows(resource);
  const found = onlyRow(resource, name, await findByName(client, named, name));
  return found ?? findById(client, named, name);
}

const namedRows = (resource: CommandResource) => ({
  ...resource.collection,
  name: nameColumnOf(resource),
});

async function inTransactionOfTenant<T>(
  { db, pool, config }: CliDatabase,
  tenant: string | undefined,
  work: (client: Queryable, writer: Writer) => Promise<T>,
): Promise<T> {
  const { masterKeysOf } = await import('../../../bootstrap.ts');
  const { id } = await tenantOf(db, tenant);
  const secrets = createSecretWriter(secretRowsOn(pool), masterKeysOf(config));
  return inTenant(pool, id, (client) => work(client, { tenantId: id, secrets }));
}

function denied({ many }: CommandResource, action: string): HowdahError {
  return new HowdahError('HWDEN', `this login has no permission to ${action} ${many}`);
}
