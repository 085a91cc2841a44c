import { invalidVariable } from '../../settings/parse-variables.ts';
import { closestNames } from '../../text/closest-names.ts';
import { findVendor, VENDORS } from '../vendors.ts';

/** Names that are valid without an entry in `VENDORS`: built-in providers and npm packages. */
const OTHERS = /^(local|scripted|npm:.+)$/;

/**
 * Returns the provider that a variable names by its name or a host of its API. Any name stands for
 * an OpenAI-compatible server when its URL is known. Otherwise throws `HWINV`, which suggests a
 * known name and never repeats the value, because a key may be in the wrong variable.
 */
export function namedProvider(variable: string, name: string, url: string | undefined): string {
  const vendor = findVendor(name);
  if (vendor !== undefined) return vendor.name;
  if (url !== undefined || OTHERS.test(name)) return name;
  const names = VENDORS.flatMap((one) => [one.name, ...one.aliases]);
  const [word = ''] = closestNames(name, [...names, 'local']);
  const near = findVendor(word)?.name ?? (word || undefined);
  const meant = near === undefined ? '' : `Did you mean ${near}? `;
  const urlVariable = variable.replace(/PROVIDER$/, 'URL');
  throw invalidVariable(
    variable,
    'there is no provider of this name',
    `${meant}Set ${variable} to a provider such as openai, anthropic or groq.com, or set ${urlVariable} to the address of an OpenAI-compatible server.`,
  );
}

/**
 * Returns whether a provider is an npm package (`npm:…`). The registry checks whether the operator
 * allows it.
 */
export const isPackage = (provider: string): boolean => provider.startsWith('npm:');

/** Returns whether the URL is on a host of this vendor, so that the vendor's key may be sent. */
export function isHostOf(vendor: string, url: string): boolean {
  return findVendor(new URL(url).hostname)?.name === vendor;
}
