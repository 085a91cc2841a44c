import { HowdahError } from '../../contracts/errors.ts';
import { invalidVariable } from '../../settings/parse-variables.ts';
import { closestNames } from '../../text/closest-names.ts';
import { trimEnd } from '../../text/trim-end.ts';
import { findVendor, isHostName, nearestHost, VENDORS } from '../vendors.ts';
import type { ModelValues } from './variables.ts';

/** Names that are valid without an entry in `VENDORS`: built-in providers and npm packages. */
const OTHERS = /^(local|scripted|npm:.+)$/;

/**
 * Returns the provider that a variable names by its name or a host of its API. Any name stands for
 * an OpenAI-compatible server when its URL is known, as does a host, unless it is a misspelt host
 * of a vendor. Otherwise throws `HWINV`, which suggests a known name and never repeats the value,
 * because a key may be in the wrong variable.
 */
export function namedProvider(variable: string, name: string, url: string | undefined): string {
  const vendor = findVendor(name);
  if (vendor !== undefined) return vendor.name;
  if (url !== undefined || OTHERS.test(name)) return name;
  const host = name.trim().toLowerCase();
  if (isHostName(host) && nearestHost(host) === undefined) return host;
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

/** The first words of the variables that describe a model. */
export type Prefix = 'LLM' | 'TTS' | 'STT' | 'EMBEDDING';

/**
 * Returns the provider that the variables of a prefix name, and the URL of its server. Without
 * `*_PROVIDER`, the host of the URL names a vendor. A URL that is the usual address of the vendor
 * is left out, so that the vendor gets its key, and is called in its own format.
 */
export function vendorProviderOf(
  prefix: Prefix,
  values: ModelValues,
): { provider: string; url: string | undefined } {
  const url = values[`${prefix}_URL`]?.replace(/\/chat\/completions\/?$/, '');
  const named = values[`${prefix}_PROVIDER`] ?? (url && vendorOfHost(url));
  const provider = namedProvider(`${prefix}_PROVIDER`, named ?? 'openai', url);
  if (url === undefined && findVendor(provider) === undefined && isHostName(provider)) {
    return { provider, url: hostUrl(provider) };
  }
  return { provider, url: url !== undefined && isUsualAddress(provider, url) ? undefined : url };
}

/** Returns the provider that the variables of a prefix name, unless they name none. */
export function knownProviderOf(
  ...args: Parameters<typeof vendorProviderOf>
): ReturnType<typeof vendorProviderOf> | undefined {
  try {
    return vendorProviderOf(...args);
  } catch (error) {
    if (error instanceof HowdahError) return undefined;
    throw error;
  }
}

/** Returns the address of a host that is no vendor, as `howdah_private.resolve_provider` does. */
const hostUrl = (host: string): string => `https://${host}/v1`;

/** Returns whether a model is at the address that follows from its provider, a host. */
export const isAtOwnHost = (provider: string, url: string | undefined): boolean =>
  isHostName(provider) && url === hostUrl(provider);

/** Returns the vendor of a host. A host without a dot (`gemini`) is one of a private network. */
function vendorOfHost(url: string): string | undefined {
  const { hostname } = new URL(url);
  return isHostName(hostname) ? findVendor(hostname)?.name : undefined;
}

/**
 * Returns whether a URL is the usual address of a vendor: its host alone, or the address where
 * Howdah calls it. A vendor without OpenAI's format has no other one on its host.
 */
function isUsualAddress(provider: string, url: string): boolean {
  const vendor = findVendor(provider);
  if (!vendor || vendor.isLocal || !isHostOf(provider, url) || !url.startsWith('https:')) {
    return false;
  }
  const { openAiUrl, sdkUrl } = vendor;
  const isKnown = [openAiUrl, sdkUrl].includes(trimEnd(url, '/'));
  return openAiUrl === undefined || isKnown || new URL(url).pathname === '/';
}

/**
 * Returns whether a provider is an npm package (`npm:…`). The registry checks whether the operator
 * allows it.
 */
export const isPackage = (provider: string): boolean => provider.startsWith('npm:');

/** Returns whether the URL is on a host of this vendor, so that the vendor's key may be sent. */
export function isHostOf(vendor: string, url: string): boolean {
  return vendorOfHost(url) === vendor;
}
