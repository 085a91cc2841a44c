import type { ModelPurpose } from '../contracts/agents/model.ts';
import type { ProviderReport } from '../contracts/agents/provider-report.ts';
import { closestNames } from '../text/closest-names.ts';
import { trimEnd } from '../text/trim-end.ts';
import { isInstalled } from './ai-sdk/packages.ts';
import {
  BUNDLED_PACKAGES,
  findVendor,
  isHostName,
  MISSING_PURPOSES,
  nearestHost,
  SERVERS_WITHOUT_ADDRESS,
  VENDORS,
  type Vendor,
  variablesOfKey,
} from './vendors.ts';

/** The vendors with a key in the environment, and the packages that the operator allows. */
export type ReportSettings = Readonly<{
  keyedVendors: readonly string[];
  providerPackages: readonly string[];
  /** The models of the environment, with the address of `openai` there. */
  models?: { openai: { baseUrl: string | undefined } };
}>;

/**
 * Returns what this host can use: packages of vendors that are installed, vendors with a key or
 * another address, and installed packages that the operator allows. Other vendors are left out.
 */
export function reportProviders({
  keyedVendors,
  providerPackages,
  models,
}: ReportSettings): ProviderReport[] {
  const vendors = VENDORS.map(({ name, sdk, openAiUrl }) => ({
    provider: name,
    has_package: sdk !== undefined && hasPackage(sdk.package),
    has_key: keyedVendors.includes(name),
    has_address: name === 'openai' && isElsewhere(models?.openai.baseUrl, openAiUrl),
  }));
  const packages = providerPackages.filter(isInstalled).map((name) => ({
    provider: `npm:${name}`,
    has_package: true,
    has_key: false,
  }));
  return [
    ...vendors.filter((one) => one.has_package || one.has_key || one.has_address),
    ...packages,
  ];
}

/** Returns whether an address of the environment is not that of the vendor. */
function isElsewhere(address: string | undefined, vendorUrl: string | undefined): boolean {
  return address !== undefined && trimEnd(address, '/') !== vendorUrl;
}

/** Returns the report of a host that has all keys and packages, those of `names` among them. */
export function reportAllUsable(names: readonly string[]): ProviderReport[] {
  const packages = names
    .map((name) => name.trim().toLowerCase())
    .filter((name) => /^npm:./.test(name));
  const providers = [...VENDORS.map(({ name }) => name), ...new Set(packages)];
  return providers.map((provider) => ({ provider, has_package: true, has_key: true }));
}

const hasPackage = (name: string): boolean => BUNDLED_PACKAGES.has(name) || isInstalled(name);

/** The columns of a model that decide whether a host can use it. */
export type ModelRow = {
  provider: string;
  base_url: string | null;
  secret_name: string | null;
  purpose?: ModelPurpose;
};

/** A requirement of a model that a host does not meet, and the line that meets it. */
export type MissingRequirement = {
  missing: 'a package' | 'a key' | 'an address' | 'a known provider';
  fix: string;
};

/** Returns the one line that makes a model usable on this host, or null if it is usable. */
export function findFix(model: ModelRow, settings: ReportSettings): string | null {
  return findMissingRequirement(model, settings)?.fix ?? null;
}

/**
 * Returns what this host lacks for a model, or null if the model is usable. The rules are those
 * of `howdah_private.check_provider`, which knows the reports of all hosts.
 */
export function findMissingRequirement(
  model: ModelRow,
  settings: ReportSettings,
): MissingRequirement | null {
  const { provider, base_url, secret_name, purpose } = model;
  if (purpose !== undefined && MISSING_PURPOSES.get(provider)?.includes(purpose)) {
    const fix = `Choose another provider: ${provider} has no models of purpose ${purpose}.`;
    return { missing: 'a known provider', fix };
  }
  if (/^(local|scripted|engine:.*)$/.test(provider)) return null;
  if (provider.startsWith('npm:')) return findLackOfPackage(provider.slice(4), base_url, settings);
  const vendor = findVendor(provider);
  if (vendor === undefined && !isServer(provider)) {
    return { missing: 'a known provider', fix: fixOfUnknown(provider) };
  }
  if (vendor === undefined) return findLackOfServer(provider, base_url);
  if (base_url !== null) return null;
  const { name, sdk, openAiUrl, isLocal } = vendor;
  if (sdk && openAiUrl === undefined && !hasPackage(sdk.package)) {
    return { missing: 'a package', fix: `npm install ${sdk.package}` };
  }
  if (isLocal || secret_name !== null || settings.keyedVendors.includes(name)) return null;
  if (name === 'openai' && isElsewhere(settings.models?.openai.baseUrl, openAiUrl)) return null;
  return { missing: 'a key', fix: keyFixOf(vendor) };
}

/** Returns the line that gives a vendor a key. */
export function keyFixOf(vendor: Vendor): string {
  const { name } = vendor;
  return `Set ${variablesOfKey(vendor)}, or store the key (howdah admin secret set ${name}) and set secret_name.`;
}

const NO_ADDRESS: MissingRequirement = {
  missing: 'an address',
  fix: 'Set base_url to the address of the server.',
};

/** Returns what a server lacks that is no vendor. A host at its usual address may be misspelt. */
function findLackOfServer(provider: string, base_url: string | null): MissingRequirement | null {
  if (SERVERS_WITHOUT_ADDRESS.has(provider)) return base_url === null ? NO_ADDRESS : null;
  const isElsewhere = base_url !== null && base_url !== `https://${provider}/v1`;
  const near = isElsewhere ? undefined : nearestHost(provider);
  if (near === undefined) return null;
  const fix = `Did you mean ${near}? Otherwise set provider to openai-compatible.`;
  return { missing: 'a known provider', fix };
}

function findLackOfPackage(
  name: string,
  base_url: string | null,
  { providerPackages }: ReportSettings,
): MissingRequirement | null {
  if (!isInstalled(name)) return { missing: 'a package', fix: `npm install ${name}` };
  if (!providerPackages.includes(name)) {
    return { missing: 'a package', fix: `Add ${name} to HOWDAH_PROVIDER_PACKAGES.` };
  }
  return base_url === null ? NO_ADDRESS : null;
}

/** Returns whether a provider is a server with OpenAI's format: any host, or a common name. */
const isServer = (name: string): boolean => SERVERS_WITHOUT_ADDRESS.has(name) || isHostName(name);

function fixOfUnknown(provider: string): string {
  const [near] = closestNames(provider, [...VENDORS.map(({ name }) => name), 'local']);
  const server = 'For a server with the API of OpenAI, set provider to openai-compatible.';
  return near === undefined ? server : `Did you mean ${near}? ${server}`;
}
