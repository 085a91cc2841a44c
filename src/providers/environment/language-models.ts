import { isLoopback } from '../../network/addresses.ts';
import { invalidVariable } from '../../settings/parse-variables.ts';
import { BUNDLED_PACKAGES, findVendor, VENDORS, type Vendor } from '../vendors.ts';
import { usualModel } from './usual-models.ts';
import type { ModelValues } from './variables.ts';
import type { EnvironmentKey, VendorKeys } from './vendor-keys.ts';
import { isPackage, vendorProviderOf } from './vendor-names.ts';

/** A language model that variables of the environment describe. */
export type LanguageModel = Readonly<{
  /** The name of the vendor, or what LLM_PROVIDER says. */
  provider: string;
  model: string;
  /** The address that the environment names. Undefined: the address of the vendor. */
  baseUrl: string | undefined;
  key: EnvironmentKey | undefined;
  /** Set for a server on this machine, or one that OLLAMA_HOST names. */
  isLocal: boolean;
  /** The names of the variables that describe the model. */
  variables: readonly string[];
}>;

/**
 * Returns the language models of the environment, the default model first. Precedence: `LLM_*`,
 * `OPENAI_*`, the keys of vendors in the order of `VENDORS`, OLLAMA_HOST. A vendor with a key
 * occurs once. Without any of them the list is empty.
 */
export function languageModels(values: ModelValues, keys: VendorKeys): LanguageModel[] {
  const found: LanguageModel[] = [];
  const add = (model: LanguageModel | undefined) => {
    const isKnown = ({ provider, baseUrl }: LanguageModel) =>
      provider === model?.provider && baseUrl === model.baseUrl;
    if (model !== undefined && !found.some(isKnown)) found.push(model);
  };
  add(namedModel(values, keys));
  add(openaiModel(values, found.length === 0));
  const named = new Set(found.map(({ provider }) => provider));
  for (const vendor of VENDORS) {
    if (!named.has(vendor.name)) add(vendorModel(vendor, keys, found.length === 0, values));
  }
  if (!named.has('ollama')) add(ollamaModel(values, found.length === 0));
  if (found.length === 0 && values.LLM_MODEL) {
    found.push({ ...plain, provider: 'openai', model: values.LLM_MODEL, variables: ['LLM_MODEL'] });
  }
  return found;
}

const plain = { baseUrl: undefined, key: undefined, isLocal: false };

/** Returns the model that OPENAI_* describes. LLM_MODEL names it if it is the default model. */
function openaiModel(values: ModelValues, isDefault: boolean): LanguageModel | undefined {
  const { OPENAI_API_KEY, OPENAI_BASE_URL: baseUrl } = values;
  if (!OPENAI_API_KEY && !baseUrl) return undefined;
  const key = OPENAI_API_KEY && { variable: 'OPENAI_API_KEY', value: OPENAI_API_KEY };
  const names = isDefault ? (['LLM_PROVIDER', 'LLM_MODEL'] as const) : [];
  return {
    provider: 'openai',
    model: openaiName(values, isDefault),
    baseUrl,
    key: key || undefined,
    isLocal: baseUrl !== undefined && isLoopbackUrl(baseUrl),
    variables: [
      ...names.filter((name) => values[name]),
      ...(baseUrl === undefined ? [] : ['OPENAI_BASE_URL']),
      ...(key ? ['OPENAI_API_KEY'] : []),
    ],
  };
}

function openaiName({ LLM_MODEL, OPENAI_MODEL }: ModelValues, isDefault: boolean): string {
  const named = isDefault ? (LLM_MODEL ?? OPENAI_MODEL) : OPENAI_MODEL;
  return named ?? (usualModel('openai', 'llm') as string);
}

/**
 * Returns the model that LLM_* describes. LLM_MODEL alone describes no model of its own, and
 * neither does LLM_PROVIDER=openai beside `OPENAI_*`.
 */
function namedModel(values: ModelValues, keys: VendorKeys): LanguageModel | undefined {
  const { LLM_PROVIDER, LLM_API_KEY, LLM_URL, LLM_MODEL } = values;
  if (!LLM_PROVIDER && !LLM_API_KEY && !LLM_URL) return undefined;
  const { provider, url } = vendorProviderOf('LLM', values);
  if (isPackage(provider)) throw defaultOfPackage();
  const isOpenAi = provider === 'openai';
  const isOfOpenAi = isOpenAi && (values.OPENAI_API_KEY || values.OPENAI_BASE_URL);
  if (isOfOpenAi && !LLM_URL && !LLM_API_KEY) return undefined;
  const usual = isOpenAi ? openaiName(values, true) : usualModel(provider, 'llm');
  const model = LLM_MODEL ?? (provider === 'ollama' ? values.OLLAMA_MODEL : undefined) ?? usual;
  if (model === undefined) {
    const reason = `LLM_PROVIDER is ${provider}, which has no usual model`;
    throw invalidVariable('LLM_MODEL', reason, 'Set LLM_MODEL to the name of a model.');
  }
  const own = LLM_API_KEY && { variable: 'LLM_API_KEY', value: LLM_API_KEY };
  const vendor = findVendor(provider);
  const baseUrl = url ?? localAddress(vendor, values);
  const key = own || (baseUrl === undefined ? keys[provider] : undefined);
  const variables = ['LLM_PROVIDER', 'LLM_URL', 'LLM_MODEL'] as const;
  return {
    provider,
    model,
    baseUrl,
    key,
    isLocal: baseUrl !== undefined && isLoopbackUrl(baseUrl),
    variables: [...variables.filter((name) => values[name]), ...(key ? [key.variable] : [])],
  };
}

/**
 * Returns the refusal of a package as the default model. The row of a default model has no address
 * and no secret, and a package gets no key of the process.
 */
function defaultOfPackage(): Error {
  return invalidVariable(
    'LLM_PROVIDER',
    'a package npm:… cannot be the default model of the environment',
    'Unset LLM_PROVIDER, create the model (howdah models create NAME --provider npm:PACKAGE --model MODEL --base-url URL --secret SECRET) and assign it to agents.',
  );
}

/** Returns the usual address of a server on this machine. */
function localAddress(
  vendor: Vendor | undefined,
  { OLLAMA_HOST }: ModelValues,
): string | undefined {
  if (!vendor?.isLocal) return undefined;
  return (vendor.name === 'ollama' ? OLLAMA_HOST : undefined) ?? vendor.openAiUrl;
}

/** Returns the default model of a vendor whose key is set. `LLM_MODEL` names the default one. */
function vendorModel(
  vendor: Vendor,
  keys: VendorKeys,
  isDefault: boolean,
  { LLM_MODEL }: ModelValues,
): LanguageModel | undefined {
  const key = keys[vendor.name];
  const usual = usualModel(vendor.name, 'llm');
  const isVendorsOwn = key !== undefined && vendor.keyVariables.includes(key.variable);
  if (!isVendorsOwn || usual === undefined || !isCallable(vendor)) return undefined;
  const chosen = isDefault ? LLM_MODEL : undefined;
  const variables = [key.variable, ...(chosen ? ['LLM_MODEL'] : [])];
  return { ...plain, provider: vendor.name, model: chosen ?? usual, key, variables };
}

/** Returns whether a key is enough to call the vendor: no package and no setting is missing. */
function isCallable({ sdk, openAiUrl, settings }: Vendor): boolean {
  if (settings !== undefined) return false;
  return openAiUrl !== undefined || (sdk !== undefined && BUNDLED_PACKAGES.has(sdk.package));
}

function ollamaModel(values: ModelValues, isDefault: boolean): LanguageModel | undefined {
  const { OLLAMA_HOST, OLLAMA_MODEL, LLM_MODEL } = values;
  const model = (isDefault ? LLM_MODEL : undefined) ?? OLLAMA_MODEL ?? usualModel('ollama', 'llm');
  if (OLLAMA_HOST === undefined || model === undefined) return undefined;
  const chosen = isDefault && LLM_MODEL ? 'LLM_MODEL' : OLLAMA_MODEL && 'OLLAMA_MODEL';
  const variables = ['OLLAMA_HOST', ...(chosen ? [chosen] : [])];
  return { ...plain, provider: 'ollama', model, baseUrl: OLLAMA_HOST, isLocal: true, variables };
}

function isLoopbackUrl(url: string): boolean {
  return isLoopback(new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'));
}
