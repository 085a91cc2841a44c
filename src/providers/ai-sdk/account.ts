import type { Outcome } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { trimEnd } from '../../text/trim-end.ts';
import { createFailure } from '../failure.ts';
import type { VendorAccount } from '../http/resolve-server.ts';
import type { Fetch } from '../http/restricted-fetch.ts';
import { VENDORS, type Vendor } from '../vendors.ts';
import type { SdkModels, VendorSettings } from './models.ts';

/** The names in `request_params` that are settings of a vendor, not parameters of a request. */
const SETTINGS: ReadonlySet<string> = new Set(VENDORS.flatMap(({ settings }) => settings ?? []));

/**
 * The form of a setting. Settings become parts of an address: a dot would add a part to the name of
 * the host.
 */
const SETTING = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;

/** Reads the settings of the vendor from the parameters of a model. */
export function settingsIn(params: JsonObject): Outcome<VendorSettings> {
  const settings: Record<string, string> = {};
  for (const name of SETTINGS) {
    const value = params[name];
    if (value === undefined) continue;
    if (typeof value !== 'string' || !SETTING.test(value)) {
      const message = `request_params.${name} must be a name of letters, digits, dashes and underscores.`;
      return createFailure('invalid_request', message);
    }
    settings[name] = value;
  }
  return { ok: true, value: settings };
}

/** Returns whether a name in `request_params` is a setting of a vendor. */
export function isSetting(name: string): boolean {
  return SETTINGS.has(name);
}

/**
 * Returns the address of a vendor, and the key that the environment has for it. A vendor without an
 * address of its own is reached at the `base_url` of the model. Bedrock reranks at another address.
 */
export function accountOf(
  vendor: Vendor,
  settings: VendorSettings,
  baseUrl: string | null,
  key: string | undefined,
  kind?: keyof SdkModels,
): Outcome<VendorAccount> {
  const vendorUrl = vendor.sdkUrl ?? urlBySettings(vendor.name, settings, kind) ?? undefined;
  const url = vendorUrl ?? (baseUrl?.trim() || null);
  if (url === null) {
    const names = vendor.settings?.join(', ');
    const message = names
      ? `${vendor.title} has no address without settings: set ${names} in request_params, or base_url.`
      : `${vendor.title} has no address: set base_url.`;
    return createFailure('invalid_request', message);
  }
  return { ok: true, value: { ...vendor, url, vendorUrl, key } };
}

/** Returns the address of a vendor whose address depends on settings; null if one is missing. */
function urlBySettings(
  vendor: string,
  { region, project, location, resourceName }: VendorSettings,
  kind: keyof SdkModels | undefined,
): string | null {
  switch (vendor) {
    case 'amazon-bedrock': {
      const service = kind === 'rerankingModel' ? 'bedrock-agent-runtime' : 'bedrock-runtime';
      const domain = region?.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
      return region ? `https://${service}.${region}.${domain}` : null;
    }
    case 'azure':
      return resourceName ? `https://${resourceName}.openai.azure.com/openai` : null;
    case 'google-vertex':
      return vertexUrl(project, location);
    default:
      return null;
  }
}

/** Without a project, a key of Vertex AI is used in express mode. */
function vertexUrl(project: string | undefined, location: string | undefined): string {
  if (!project || !location) return 'https://aiplatform.googleapis.com/v1/publishers/google';
  const host = location === 'global' ? '' : `${location}-`;
  const path = `projects/${project}/locations/${location}/publishers/google`;
  return `https://${host}aiplatform.googleapis.com/v1beta1/${path}`;
}

/**
 * Wraps a fetch for packages that know no address but their vendor's (ElevenLabs, Deepgram): a
 * request to the vendor goes to the address of the model.
 */
export function atAddress(fetch: Fetch, vendorUrl: string | undefined, baseUrl: string): Fetch {
  if (vendorUrl === undefined || vendorUrl === baseUrl) return fetch;
  return (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const isVendor = url.startsWith(`${vendorUrl}/`);
    return fetch(isVendor ? trimEnd(baseUrl, '/') + url.slice(vendorUrl.length) : input, init);
  };
}
