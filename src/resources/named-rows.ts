import { type Queryable, quoteName } from '../db/connection/pool.ts';
import { jsonRows } from '../db/queries/json-rows.ts';
import type { Collection, TaggedRow } from '../db/queries/row-collection.ts';

/** Rows of the tenant that people look up by a name. The id is accepted as well. */
export type NamedCollection = Pick<Collection, 'table' | 'shown' | 'living'> & {
  /** The column with the name. */
  name: string;
};

type Row = TaggedRow['row'];

const nameOf = ({ name }: NamedCollection) => `t.${quoteName(name)}`;
const rowsOf = (named: NamedCollection, shown = named.shown) =>
  `select ${shown} from howdah.${quoteName(named.table)} as t
   where t.tenant_id = howdah.current_tenant() and ${named.living ?? 'true'}`;

/** Reads all rows, sorted by name. */
export function listByName(client: Queryable, named: NamedCollection): Promise<Row[]> {
  return jsonRows(client, `${rowsOf(named)} order by ${nameOf(named)}, t.id`);
}

/** Reads only the names of the rows. */
export async function namesOf(client: Queryable, named: NamedCollection): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `${rowsOf(named, `${nameOf(named)}::text as name`)} order by name`,
  );
  return rows.map(({ name }) => name);
}

/** Reads the rows with this name, which few tables allow more than one of. */
export function findByName(
  client: Queryable,
  named: NamedCollection,
  name: string,
): Promise<Row[]> {
  return jsonRows<Row>(client, `${rowsOf(named)} and ${nameOf(named)}::text = $1 order by t.id`, [
    name,
  ]);
}

/** Reads the row with this id. */
export async function findById(
  client: Queryable,
  named: NamedCollection,
  id: string,
): Promise<Row | undefined> {
  const [row] = await jsonRows<Row>(client, `${rowsOf(named)} and t.id::text = lower($1)`, [id]);
  return row;
}
