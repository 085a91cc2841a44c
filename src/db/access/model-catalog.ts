import type { Queryable } from '../connection/pool.ts';
import { type JsonPage, jsonPage } from '../queries/json-rows.ts';

/** A known model of a vendor. Prices are in USD, per million tokens or per `price_unit`. */
export type CatalogModel = {
  vendor: string;
  name: string;
  title: string | null;
  purpose: string;
  aliases: string[];
  context_tokens: number | null;
  max_output_tokens: number | null;
  input_modalities: string[] | null;
  output_modalities: string[] | null;
  capabilities: Record<string, boolean>;
  input_price: number | null;
  cached_input_price: number | null;
  cache_write_price: number | null;
  output_price: number | null;
  unit_price: number | null;
  price_unit: string | null;
  as_of: string;
  source: string;
  facts_source: string;
};

/** Restricts the catalogue. `text` is a part of the id, the title or an alias, in any case. */
export type CatalogFilter = {
  vendor?: string | undefined;
  purpose?: string | undefined;
  text?: string | undefined;
};

/** The place behind a model of the catalogue, and the number of models that follow. */
export type CatalogPlace = {
  after: Pick<CatalogModel, 'vendor' | 'purpose' | 'name'> | undefined;
  limit: number;
};

/** Lists a page of the known models. */
export async function catalogPage(
  client: Queryable,
  filter: CatalogFilter,
  { after, limit }: CatalogPlace,
): Promise<JsonPage<CatalogModel>> {
  const { vendor = null, purpose = null, name = null } = after ?? {};
  return jsonPage(client, CATALOG, [...valuesOf(filter), vendor, purpose, name, limit]);
}

const valuesOf = ({ vendor, purpose, text }: CatalogFilter) => [
  vendor ?? null,
  purpose ?? null,
  text ?? null,
];

const CATALOG = `
  select c.* from howdah.model_catalog as c
  where ($1::text is null or c.vendor = $1) and ($2::text is null or c.purpose = $2)
    and ($3::text is null or exists (
      select from unnest(array[c.name, c.title] || c.aliases) as w (word)
      where strpos(lower(w.word), lower($3)) > 0))
    and ($4::text is null
      or (c.vendor, c.purpose, c.name) > ($4 collate "C", $5 collate "C", $6 collate "C"))
  order by c.vendor collate "C", c.purpose collate "C", c.name collate "C"
  limit $7::int`;
