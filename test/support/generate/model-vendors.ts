import {
  BUNDLED_PACKAGES,
  MISSING_PURPOSES,
  VENDORS,
  type Vendor,
} from '../../../src/providers/vendors.ts';

/** Returns the SQL functions about the vendors of models, from src/providers/vendors.ts. */
export function modelVendorsFunction(): string {
  return `-- The vendors of models. Generated from src/providers/vendors.ts.
create or replace function howdah_private.model_vendors()
  returns table (name text, title text, package text, is_bundled boolean, openai_url text,
    is_local boolean, aliases text[], key_variables text[], settings text[],
    key_pair text[])
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  values
${VENDORS.map(vendorRow).join(',\n')}
$$;

-- Returns the purposes for which a provider has no models.
create or replace function howdah_private.missing_purposes(provider text) returns text[]
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select case missing_purposes.provider
${[...MISSING_PURPOSES].map(missingRow).join('\n')}
    else '{}' end
$$;
`;
}

function vendorRow(vendor: Vendor): string {
  const { name, title, sdk, openAiUrl, isLocal, aliases, keyVariables } = vendor;
  const { settings = [], keyPair = [] } = vendor;
  const bundled = sdk !== undefined && BUNDLED_PACKAGES.has(sdk.package);
  return `    (${text(name)}, ${text(title)}, ${text(sdk?.package)}, ${bundled},
      ${text(openAiUrl)}, ${isLocal ?? false},
      ${array(aliases)},
      ${array(keyVariables)},
      ${array(settings)}, ${array(keyPair)})`;
}

function missingRow([provider, purposes]: [string, readonly string[]]): string {
  return `    when ${text(provider)} then ${array(purposes)}`;
}

const text = (value: string | undefined): string =>
  value === undefined ? 'null' : `'${value.replaceAll("'", "''")}'`;

const array = (values: readonly string[]): string => `${text(`{${values.join(',')}}`)}::text[]`;
