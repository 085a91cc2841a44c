import { readFileSync } from 'node:fs';
import { ALIASES, providerOf } from '../../../src/providers/catalog/aliases.ts';
import { findVendor, VENDORS } from '../../../src/providers/vendors.ts';
import { type Catalog, catalogFile } from './schema.ts';

const CATALOG = new URL('../../../src/providers/catalog/models.json', import.meta.url);

/** Another name of a model at a vendor. */
export type VendorAlias = { vendor: string; alias: string; model: string };

/** Names of vendors in fast-agent that differ from ours. */
const FAST_AGENT_VENDORS: Readonly<Record<string, string>> = { responses: 'openai' };

/**
 * Returns the aliases that only name a model. Aliases with request parameters are omitted, because
 * only the importer of fast-agent expands them.
 */
export function vendorAliases(): VendorAlias[] {
  return [...ALIASES].flatMap(([alias, spec]) => {
    if (spec.includes('?')) return [];
    const guessed = providerOf(spec.includes('/') ? '' : spec);
    const provider = guessed ?? spec.slice(0, spec.indexOf('.'));
    const model = guessed ? spec : spec.slice(provider.length + 1);
    const vendor = findVendor(FAST_AGENT_VENDORS[provider] ?? provider)?.name;
    return vendor === undefined ? [] : [{ vendor, alias, model }];
  });
}

function readCatalog(): Catalog {
  return catalogFile.parse(JSON.parse(readFileSync(CATALOG, 'utf8')));
}

/**
 * Returns the TypeScript file with the usual models. With this file, no process has to read the
 * catalogue.
 */
export function usualModelsFile(): string {
  const lines = Object.entries(readCatalog().usual).map(
    ([vendor, names]) => `  ${JSON.stringify(vendor)}: ${JSON.stringify(names)},\n`,
  );
  return `import type { ModelPurpose } from '../../contracts/agents/model.ts';

/** The usual models of vendors. Generated from models.json. */
export const USUAL_MODELS: Readonly<Record<string, Partial<Record<ModelPurpose, string>>>> = {
${lines.join('')}};
`;
}

/** Returns the SQL function with the catalogue, and the aliases and addresses of vendors. */
export function catalogFunction(): string {
  const { as_of, source, facts, models } = readCatalog();
  const addresses = Object.fromEntries(
    VENDORS.map(({ name, openAiUrl, sdkUrl }) => [
      name,
      [...new Set([openAiUrl, sdkUrl].filter((url) => url !== undefined))],
    ]),
  );
  const catalog = { as_of, source, facts, addresses, aliases: vendorAliases(), models };
  return `-- The catalogue of models. Generated from src/providers/catalog/models.json.
create or replace function howdah_private.model_catalog_document() returns jsonb
  language sql immutable parallel safe
  return $catalog$${JSON.stringify(catalog)}$catalog$::jsonb;
`;
}
