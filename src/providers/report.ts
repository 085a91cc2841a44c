import { isInstalled } from './ai-sdk/packages.ts';
import { BUNDLED_PACKAGES, VENDORS } from './vendors.ts';

/** Whether this host can use a provider, as `howdah_private.report_providers` takes it. */
export type ProviderReport = { provider: string; has_package: boolean; has_key: boolean };

/** The vendors with a key in the environment, and the packages that the operator allows. */
export type ReportSettings = Readonly<{
  keyedVendors: readonly string[];
  providerPackages: readonly string[];
}>;

/**
 * Returns what this host can use: packages of vendors that are installed, vendors with a key, and
 * installed packages that the operator allows. Vendors without either are left out.
 */
export function reportProviders({
  keyedVendors,
  providerPackages,
}: ReportSettings): ProviderReport[] {
  const vendors = VENDORS.map(({ name, sdk }) => ({
    provider: name,
    has_package: sdk !== undefined && hasPackage(sdk.package),
    has_key: keyedVendors.includes(name),
  }));
  const packages = providerPackages.filter(isInstalled).map((name) => ({
    provider: `npm:${name}`,
    has_package: true,
    has_key: false,
  }));
  return [...vendors.filter(({ has_package, has_key }) => has_package || has_key), ...packages];
}

const hasPackage = (name: string): boolean => BUNDLED_PACKAGES.has(name) || isInstalled(name);
