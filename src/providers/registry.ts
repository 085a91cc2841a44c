import type { ModelProvider, ModelPurpose, ModelRef } from '../contracts/agents/model.ts';
import type { Outcome } from '../contracts/errors.ts';
import { closestNames } from '../text/closest-names.ts';
import { trimEnd } from '../text/trim-end.ts';
import { isInstalled } from './ai-sdk/packages.ts';
import { aiSdkProvider } from './ai-sdk.ts';
import { createFailure } from './failure.ts';
import type { Fetch } from './http/restricted-fetch.ts';
import { localProvider } from './local.ts';
import { openaiProvider } from './openai.ts';
import { scriptedProvider } from './scripted.ts';
import {
  findVendor,
  isHostName,
  SERVERS_WITHOUT_ADDRESS,
  VENDORS,
  type Vendor,
} from './vendors.ts';

/** The environment of the providers. An absent variable and an empty variable are equal. */
export type ProviderEnv = {
  OPENAI_API_KEY?: string | undefined;
  OPENAI_BASE_URL?: string | undefined;
  /** Keys by the name of their vendor, for models that name no address and no secret. */
  keys?: Readonly<Record<string, string>> | undefined;
  /** The packages that `npm:<package>` may name. */
  packages?: readonly string[] | undefined;
};

/** The model providers of this process. */
export type Providers = Readonly<{
  env: ProviderEnv;
  fetch: Fetch | undefined;
  /** Providers without a vendor, by their name in the column `provider` of a model. */
  known: ReadonlyMap<string, ModelProvider>;
  /** Providers of vendors and packages, which are created with their first use. */
  created: Map<string, ModelProvider>;
}>;

/** Creates the providers that need no package. Vendors get theirs with their first use. */
export function createProviders(
  env: ProviderEnv,
  options: { fetch?: Fetch | undefined } = {},
): Providers {
  const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl } = env;
  const providers = [
    openaiProvider({ env: { apiKey, baseUrl }, fetch: options.fetch }),
    localProvider(),
    scriptedProvider(),
  ];
  const known = new Map(providers.map((provider) => [provider.name, provider]));
  return { env, fetch: options.fetch, known, created: new Map() };
}

type Row = Pick<ModelRef, 'provider' | 'base_url'>;

/**
 * Finds the provider of a model row by the name of its provider: ours, a vendor, a host, or
 * `npm:<package>`. Rejects an unknown name with `invalid_request` and the closest known name.
 */
export function findProvider(providers: Providers, model: Row): Outcome<ModelProvider> {
  const name = model.provider.trim().toLowerCase();
  const own = providers.known.get(name);
  if (own !== undefined) return { ok: true, value: own };
  if (name.startsWith('npm:')) return packageProvider(providers, name.slice('npm:'.length));
  const vendor = findVendor(name);
  if (vendor !== undefined) return vendorProvider(providers, vendor, model);
  if (SERVERS_WITHOUT_ADDRESS.has(name)) return serverProvider(providers, name, model);
  if (isHostName(name)) return hostProvider(providers, name, model);
  const known = [...providers.known.keys(), ...VENDORS.map((one) => one.name)];
  const [near] = closestNames(name, [...known, ...SERVERS_WITHOUT_ADDRESS]);
  const hint = near === undefined ? '' : ` Did you mean "${near}"?`;
  const message = `The model provider "${model.provider}" does not exist.${hint} Known: ${[...new Set(known)].join(', ')}; with a base_url also ${[...SERVERS_WITHOUT_ADDRESS].join(', ')}.`;
  return createFailure('invalid_request', message);
}

/**
 * Returns the provider of a vendor: by its package if that is installed, else in OpenAI's format at
 * the address of the model or of the vendor. The address where the vendor speaks OpenAI's format is
 * never called in another one.
 */
function vendorProvider(providers: Providers, vendor: Vendor, model: Row): Outcome<ModelProvider> {
  const { name, title, sdk, openAiUrl: url, keyVariables } = vendor;
  const openai = providers.known.get('openai') as ModelProvider;
  if (name === 'openai') return { ok: true, value: openai };
  const key = providers.env.keys?.[name];
  const { fetch } = providers;
  const vendorUrl = vendor.isLocal ? undefined : url;
  const account = url && { title, url, vendorUrl, key, keyVariables };
  if (sdk !== undefined && isInstalled(sdk.package) && !isOfOpenAiFormat(vendor, model)) {
    return cacheProvider(providers, name, () => {
      const own = aiSdkProvider({ vendor: { ...vendor, sdk }, key, fetch });
      return account ? forPurposes(vendor, own, openaiProvider({ account, fetch })) : own;
    });
  }
  if (model.base_url) return { ok: true, value: openai };
  if (!account) {
    const message = `Models of ${title} need the package ${sdk?.package}: run npm install ${sdk?.package}.`;
    return createFailure('invalid_request', message);
  }
  return cacheProvider(providers, `${name} in the format of OpenAI`, () =>
    openaiProvider({ account, fetch }),
  );
}

/** The function of a provider for each purpose. */
const FUNCTIONS = {
  llm: 'generate',
  embedding: 'embed',
  tts: 'synthesizeSpeech',
  stt: 'transcribe',
  image: 'generateImage',
  rerank: 'rerank',
} as const satisfies Partial<Record<ModelPurpose, keyof ModelProvider>>;

/** Returns a provider that uses the package of a vendor for some purposes alone. */
function forPurposes(
  { name, sdkPurposes }: Vendor,
  own: ModelProvider,
  openai: ModelProvider,
): ModelProvider {
  if (sdkPurposes === undefined) return own;
  const functions = Object.entries(FUNCTIONS).flatMap(([purpose, fn]) =>
    sdkPurposes.includes(purpose as ModelPurpose) ? [[fn, own[fn]]] : [],
  );
  return { ...openai, name, ...Object.fromEntries(functions) };
}

/** Returns whether a model is at the address where its vendor speaks OpenAI's format alone. */
function isOfOpenAiFormat({ openAiUrl, sdkUrl }: Vendor, { base_url }: Row): boolean {
  const url = base_url && trimEnd(base_url.trim(), '/');
  return url !== undefined && url === openAiUrl && url !== sdkUrl;
}

/** Returns the provider of a server with OpenAI's format that has no address of its own. */
function serverProvider({ known }: Providers, name: string, model: Row): Outcome<ModelProvider> {
  if (model.base_url) return { ok: true, value: known.get('openai') as ModelProvider };
  const message = `Provider ${name} is any OpenAI-compatible server: give the model its base_url (it usually ends in /v1).`;
  return createFailure('invalid_request', message);
}

/** Returns the provider of a host with OpenAI's format. No key of the environment is sent there. */
function hostProvider(providers: Providers, host: string, model: Row): Outcome<ModelProvider> {
  if (model.base_url) return { ok: true, value: providers.known.get('openai') as ModelProvider };
  const { fetch } = providers;
  const account = { title: host, url: `https://${host}/v1`, keyVariables: [] };
  return { ok: true, value: openaiProvider({ account, fetch }) };
}

/**
 * Returns the provider of a package that the operator allows, since a package runs in this process
 * and sees every key of its models.
 */
function packageProvider(providers: Providers, name: string): Outcome<ModelProvider> {
  if (!providers.env.packages?.includes(name)) {
    const message = `The package ${name} is not allowed as a model provider: add it to HOWDAH_PROVIDER_PACKAGES of the workers.`;
    return createFailure('invalid_request', message);
  }
  if (!isInstalled(name)) {
    const message = `The package ${name} is not installed: run npm install ${name}.`;
    return createFailure('invalid_request', message);
  }
  const sdk = { package: name, create: '' }; // the function that creates a provider is searched for
  const vendor = { name: `npm:${name}`, title: name, sdk, keyVariables: [], aliases: [] };
  const { fetch } = providers;
  return cacheProvider(providers, vendor.name, () => aiSdkProvider({ vendor, fetch }));
}

function cacheProvider(
  { created }: Providers,
  name: string,
  create: () => ModelProvider,
): Outcome<ModelProvider> {
  const provider = created.get(name) ?? create();
  created.set(name, provider);
  return { ok: true, value: provider };
}
