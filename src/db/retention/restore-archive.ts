import { join } from 'node:path';
import pg from 'pg';
import { HowdahError } from '../../contracts/errors.ts';
import type { WrappedKey } from '../../contracts/secret.ts';
import { inTransaction, type Pool, type PoolClient } from '../connection/pool.ts';
import { type ArchivedTable, checkArchive, readArchiveLines } from './write-archive.ts';

const ROWS_AT_ONCE = 200;
const CHARACTERS_AT_ONCE = 16_000_000;

/** The schema of a restored archive, and the number of rows of each table. */
export type RestoredArchive = {
  month: string;
  schema: string;
  tables: Record<string, number>;
  /** The number of runs of people who were erased since. These runs and their data are omitted. */
  erased: number;
};

/** Creates a function that decrypts rows, given as JSON texts, with these data keys. */
export type DecryptWith = (keys: readonly WrappedKey[]) => (row: string) => Promise<string>;

/**
 * Restores the rows of an archive into tables of a new schema, for reading. The rows are not
 * restored among the runs, because the figures count them already and policies say that they are
 * gone. Checks the files first. Uses one transaction. Only the owner may read the schema. Other
 * roles see no rows, even if they have rights on the schema by default or by a grant. Throws
 * `HWCNF` when the schema exists, and `HWINV` for an archive that is not whole.
 */
export async function restoreArchive(
  pool: Pool,
  folder: string,
  schema?: string,
  decryptWith: DecryptWith = () => async (row) => row,
): Promise<RestoredArchive> {
  const { month, tables, data_keys = [] } = await checkArchive(folder);
  const decrypt = decryptWith(data_keys);
  const name = schema ?? `archive_${month.replace('-', '_')}`;
  return inTransaction(pool, async (client) => {
    await makeSchema(client, name);
    const counts: Record<string, number> = {};
    for (const table of tables) {
      counts[table.table] = await readTable(client, { folder, schema: name, table, decrypt });
    }
    const erased = await leaveOutErased(client, name, counts);
    return { month, schema: name, tables: counts, erased };
  });
}

async function makeSchema(client: PoolClient, name: string): Promise<void> {
  const { rows } = await client.query('select to_regnamespace(quote_ident($1)) as found', [name]);
  if (rows[0].found !== null)
    throw new HowdahError('HWCNF', `schema ${name} already exists`, {
      hint: 'Name another schema with --schema, or drop this one if it is not needed.',
      detail: { schema: name },
    });
  await client.query(`create schema ${pg.escapeIdentifier(name)}`);
}

type RestoredTable = {
  folder: string;
  schema: string;
  table: ArchivedTable;
  decrypt(row: string): Promise<string>;
};

async function readTable(
  client: PoolClient,
  { folder, schema, table: { table, file, columns, rows }, decrypt }: RestoredTable,
): Promise<number> {
  const target = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`;
  const definitions = [];
  for (const { name, type } of columns) {
    // If the type no longer exists, keep the value as it is in the file.
    const known = await client.query('select to_regtype($1)::text as type', [type]);
    definitions.push(`${pg.escapeIdentifier(name)} ${known.rows[0].type ?? 'json'}`);
  }
  await client.query(
    `create table ${target} (${definitions.join(', ')});
     alter table ${target} enable row level security`,
  );
  let batch: string[] = [];
  let length = 0;
  const write = async () => {
    await client.query(
      `insert into ${target} select r.* from json_populate_recordset(null::${target}, $1::json) as r`,
      [`[${batch.join(',')}]`],
    );
    [batch, length] = [[], 0];
  };
  for await (const line of readArchiveLines(join(folder, file))) {
    const row = await decrypt(line);
    batch.push(row);
    length += row.length;
    if (batch.length === ROWS_AT_ONCE || length >= CHARACTERS_AT_ONCE) await write();
  }
  if (batch.length > 0) await write();
  return rows;
}

/**
 * Deletes the runs of people who were erased since. The row of such a person does not exist or has
 * the name that erasure sets. If the tenant does not exist either, this is another database, which
 * knows nothing of these people.
 */
async function leaveOutErased(
  client: PoolClient,
  schema: string,
  counts: Record<string, number>,
): Promise<number> {
  const inSchema = (table: string) =>
    `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`;
  const { rows } = await client.query(
    `with recursive runs (id) as (
       select e.id::uuid from ${inSchema('executions')} as e
       join howdah.tenants as t on t.id = e.tenant_id
       left join howdah.sessions as s on s.tenant_id = e.tenant_id and s.id = e.session_id
       left join howdah.users as u on u.tenant_id = e.tenant_id and u.id = coalesce(e.user_id, s.user_id)
       where coalesce(e.user_id, s.user_id) is not null and coalesce(u.username = 'erased-' || u.id, true)
       union
       select c.id::uuid from runs as r join ${inSchema('executions')} as c on c.parent_execution_id = r.id
     )
     select coalesce(array_agg(r.id), '{}') as ids from runs as r`,
  );
  const ids: string[] = rows[0].ids;
  for (const table of ids.length > 0 ? Object.keys(counts) : []) {
    const id = table === 'executions' ? 'id' : 'execution_id';
    const gone = await client.query(
      `delete from ${inSchema(table)} as t where t.${id} = any ($1::uuid[])`,
      [ids],
    );
    counts[table] = (counts[table] ?? 0) - (gone.rowCount ?? 0);
  }
  return ids.length;
}
