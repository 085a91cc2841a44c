import type { Queryable } from '../connection/pool.ts';

/** The newest file with an address. */
export type AddressedRow = {
  id: string;
  uri: string;
  name: string;
  type: string;
  size: number;
  description: string | null;
};
export type AddressedFile = AddressedRow & { bytes: Buffer | null };

const OUTLINE = `r.id, r.uri, r.name, r.type, r.size::float8 as size, r.metadata ->> 'description' as description`;
/** Condition for a template: a text file with a {name} in its address. */
const IS_TEMPLATE = `r.uri ~ '[{].+[}]' and howdah_private.is_text_type(r.type)`;

/** Returns the files that are not templates, ordered by address. */
export async function addressedFiles(
  client: Queryable,
  after: string | undefined,
  atMost: number,
): Promise<AddressedRow[]> {
  const { rows } = await client.query<AddressedRow>(
    `select distinct on (r.uri collate "C") ${OUTLINE} from howdah.resources as r
     where r.tenant_id = howdah.current_tenant() and r.uri is not null and not (${IS_TEMPLATE})
       and ($1::text is null or r.uri > $1 collate "C")
     order by r.uri collate "C", r.id desc limit $2`,
    [after ?? null, atMost],
  );
  return rows;
}

/** Returns the files whose addresses have placeholders, ordered by address. */
export async function addressTemplates(
  client: Queryable,
  after: string | undefined,
  atMost: number,
): Promise<AddressedRow[]> {
  const { rows } = await client.query<AddressedRow>(
    `select distinct on (r.uri collate "C") ${OUTLINE} from howdah.resources as r
     where r.tenant_id = howdah.current_tenant() and r.uri is not null and ${IS_TEMPLATE}
       and ($1::text is null or r.uri > $1 collate "C")
     order by r.uri collate "C", r.id desc limit $2`,
    [after ?? null, atMost],
  );
  return rows;
}

/** Returns the newest file with exactly this address. */
export async function fileAt(client: Queryable, uri: string): Promise<AddressedFile | undefined> {
  const { rows } = await client.query<AddressedFile>(
    `select ${OUTLINE}, r.bytes from howdah.resources as r
     where r.tenant_id = howdah.current_tenant() and r.uri = $1
     order by r.id desc limit 1`,
    [uri],
  );
  return rows[0];
}

/** Returns a mark of the newest file of each address. A mark changes when a newer file exists. */
export async function fileMarks(
  client: Queryable,
  uris: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query<{ uri: string; mark: string }>(
    `select distinct on (r.uri) r.uri, concat_ws(' ', r.id, r.name) as mark from howdah.resources as r
     where r.tenant_id = howdah.current_tenant() and r.uri = any ($1)
     order by r.uri, r.id desc`,
    [uris],
  );
  return new Map(rows.map(({ uri, mark }) => [uri, mark]));
}
