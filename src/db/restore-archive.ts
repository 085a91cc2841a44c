import { join } from 'node:path';
import pg from 'pg';
import { HowdahError } from '../contracts/errors.ts';
import { type ArchivedTable, checkArchive, linesOf } from './archive.ts';
import { inTransaction, type Pool, type PoolClient } from './pool.ts';

const ROWS_AT_ONCE = 200;
const CHARACTERS_AT_ONCE = 16_000_000;

/** Where an archive was restored to, and the rows of each table. */
export type Restored = { month: string; schema: string; tables: Record<string, number> };

/**
 * Puts the rows of an archive into tables of a schema of its own, for reading: not among the runs, since these count in the
 * figures already, and policies say that they are gone. The files are checked first; all of it is one transaction. Only the
 * owner may read the schema. Throws `HWCNF` when there is such a schema, `HWINV` for an archive that is not whole.
 */
export async function restoreArchive(
  pool: Pool,
  folder: string,
  schema?: string,
): Promise<Restored> {
  const { month, tables } = await checkArchive(folder);
  const name = schema ?? `archive_${month.replace('-', '_')}`;
  return inTransaction(pool, async (client) => {
    await makeSchema(client, name);
    const counts: Record<string, number> = {};
    for (const table of tables) counts[table.table] = await readTable(client, folder, name, table);
    return { month, schema: name, tables: counts };
  });
}

async function makeSchema(client: PoolClient, name: string): Promise<void> {
  const { rows } = await client.query('select to_regnamespace(quote_ident($1)) as found', [name]);
  if (rows[0].found !== null)
    throw new HowdahError('HWCNF', `there is a schema ${name} already`, {
      hint: 'Name another one with --schema, or drop that one if nobody needs it.',
      detail: { schema: name },
    });
  await client.query(`create schema ${pg.escapeIdentifier(name)}`);
}

async function readTable(
  client: PoolClient,
  folder: string,
  schema: string,
  { table, file, columns, rows }: ArchivedTable,
): Promise<number> {
  const target = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`;
  const definitions = [];
  for (const { name, type } of columns) {
    // a type that is gone since: the value as it stands in the file
    const known = await client.query('select to_regtype($1)::text as type', [type]);
    definitions.push(`${pg.escapeIdentifier(name)} ${known.rows[0].type ?? 'json'}`);
  }
  await client.query(`create table ${target} (${definitions.join(', ')})`);
  let batch: string[] = [];
  let length = 0;
  const write = async () => {
    await client.query(
      `insert into ${target} select r.* from json_populate_recordset(null::${target}, $1::json) as r`,
      [`[${batch.join(',')}]`],
    );
    [batch, length] = [[], 0];
  };
  for await (const line of linesOf(join(folder, file))) {
    batch.push(line);
    length += line.length;
    if (batch.length === ROWS_AT_ONCE || length >= CHARACTERS_AT_ONCE) await write();
  }
  if (batch.length > 0) await write();
  return rows;
}
