import type { PoolClient } from '../connection/pool.ts';

type Client = Pick<PoolClient, 'query'>;

/** A file with an address; of those that share one the newest. */
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
/** What has a {name} in its address is a template, when it is a text. */
const IS_TEMPLATE = `r.uri ~ '[{].+[}]' and howdah_private.is_text_type(r.type)`;

/** Files that can be read as they are, by their addresses. */
export async function addressedFiles(
  client: Client,
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

/** Files whose addresses have places for words, by their addresses. */
export async function addressTemplates(
  client: Client,
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

/** The newest file of exactly this address. */
export async function fileAt(client: Client, uri: string): Promise<AddressedFile | undefined> {
  const { rows } = await client.query<AddressedFile>(
    `select ${OUTLINE}, r.bytes from howdah.resources as r
     where r.tenant_id = howdah.current_tenant() and r.uri = $1
     order by r.id desc limit 1`,
    [uri],
  );
  return rows[0];
}

/** The newest files of these addresses, each in a word that differs once there is a newer one. */
export async function fileMarks(
  client: Client,
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
