import { type Client, jsonRows } from '../queries/json-rows.ts';

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
};

/** Restricts the catalogue to a vendor or purpose. */
export type CatalogFilter = { vendor?: string | undefined; purpose?: string | undefined };

/** Lists the known models, by vendor, purpose and name. */
export function listCatalog(
  client: Client,
  { vendor, purpose }: CatalogFilter,
): Promise<CatalogModel[]> {
  const text = `select c.* from howdah.model_catalog as c
    where ($1::text is null or c.vendor = $1) and ($2::text is null or c.purpose = $2)
    order by c.vendor, c.purpose, c.name`;
  return jsonRows(client, text, [vendor ?? null, purpose ?? null]);
}
