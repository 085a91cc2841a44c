import { invalidVariable } from '../../settings/parse-variables.ts';
import { findVendor, OPENAI_URL } from '../vendors.ts';
import { type LanguageModel, languageModels } from './language-models.ts';
import { type Purpose, usualModel } from './usual-models.ts';
import type { ModelValues } from './variables.ts';
import { type EnvironmentKey, type VendorKeys, vendorKeys } from './vendor-keys.ts';
import { isHostOf, namedProvider } from './vendor-names.ts';

/**
 * The model of agents that name no model. `apiKey` is a secret: pass it to the provider, never to a
 * log.
 */
export type DefaultModel = Readonly<{
  provider: string;
  model: string;
  baseUrl: string | undefined;
  apiKey: string | undefined;
}>;

/** A model of the environment other than the default model, as a row of `howdah.models`. */
export type EnvironmentModel = Readonly<{
  name: string;
  purpose: Purpose;
  provider: string;
  model: string;
  baseUrl: string | undefined;
  requestParams: Readonly<Record<string, string>>;
  /** The place among the fallbacks of agents that name no model. */
  fallbackPosition: number | undefined;
  key: EnvironmentKey | undefined;
  /** The names of the variables that describe the model. */
  variables: readonly string[];
}>;

/** All models that the variables of a process describe, and the keys of vendors. */
export type EnvironmentModels = Readonly<{
  defaultModel: DefaultModel;
  /** The names of the variables that describe the default model. */
  defaultVariables: readonly string[];
  others: readonly EnvironmentModel[];
  keys: VendorKeys;
}>;

/**
 * Returns the models that the environment describes. `env` holds the keys of vendors under the
 * names of `KEY_VARIABLES`.
 */
export function environmentModels(
  values: ModelValues,
  env: Readonly<Record<string, string | undefined>>,
): EnvironmentModels {
  const keys = vendorKeys(values, env);
  const [first, ...rest] = languageModels(values, keys);
  const others = [
    ...(first ? fallbacks(first, rest) : []),
    ...(['tts', 'stt', 'embedding'] as const).flatMap((purpose) =>
      purposeModel(purpose, values, keys),
    ),
  ];
  const defaultModel = first
    ? {
        provider: first.provider,
        model: first.model,
        baseUrl: first.baseUrl,
        apiKey: first.key?.value,
      }
    : { provider: 'local', model: 'extractive', baseUrl: undefined, apiKey: undefined };
  return Object.freeze({
    defaultModel: Object.freeze(defaultModel),
    defaultVariables: Object.freeze(first?.variables ?? []),
    others: Object.freeze(others),
    keys,
  });
}

/** Returns the keys by vendor, for calls of models whose row names no address and no secret. */
export function environmentKeys({ keys }: EnvironmentModels): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(keys).map(([vendor, { value }]) => [vendor, value]));
}

/**
 * Returns whether a process calls the model with the same key when its row names no secret. That
 * holds for a vendor at its own address: a server at another address gets no key of the process.
 */
export function usesKeyOfProcess(
  { provider, baseUrl, key }: EnvironmentModel,
  { keys }: EnvironmentModels,
): boolean {
  const isVendor = findVendor(provider) !== undefined;
  return (
    isVendor && baseUrl === undefined && key !== undefined && keys[provider]?.value === key.value
  );
}

/**
 * Returns the models that follow the default model: vendors, servers on this machine, and last
 * `local`, which is no LLM. With one model alone there is no fallback, so that an answer of `local`
 * never replaces it in silence. LLM_PROVIDER=local asks for no other model.
 */
function fallbacks(first: LanguageModel, rest: readonly LanguageModel[]): EnvironmentModel[] {
  if (rest.length === 0) return [];
  const isRemote = (first.provider !== 'local' && first.provider !== 'scripted') || undefined;
  const servers = rest.filter((one) => nameOf(one) !== 'local');
  const last = rest.find((one) => nameOf(one) === 'local') ?? EXTRACTIVE;
  const ordered = [
    ...servers.filter((one) => !one.isLocal),
    ...servers.filter((one) => one.isLocal),
    ...(isRemote ? [last] : []),
  ];
  return ordered.map((model, index) => ({
    name: nameOf(model),
    purpose: 'llm',
    provider: model.provider,
    model: model.model,
    // A row of OpenAI without an address would use the one of the environment.
    baseUrl: model.baseUrl ?? (model.provider === 'openai' ? OPENAI_URL : undefined),
    requestParams: {},
    fallbackPosition: isRemote && index + 1,
    key: model.key,
    variables: model.variables,
  }));
}

const EXTRACTIVE: LanguageModel = {
  provider: 'local',
  model: 'extractive',
  baseUrl: undefined,
  key: undefined,
  isLocal: true,
  variables: [],
};

/** Returns the name of the vendor, or `llm` for another server that LLM_URL names. */
function nameOf({ provider, baseUrl }: LanguageModel): string {
  const isElsewhere = baseUrl !== undefined && !findVendor(provider)?.isLocal;
  return isElsewhere && !isHostOf(provider, baseUrl) ? 'llm' : provider;
}

type OtherPurpose = Exclude<Purpose, 'llm'>;

/** Returns the model that the variables of another purpose describe, such as `TTS_*`. */
function purposeModel(
  purpose: OtherPurpose,
  values: ModelValues,
  keys: VendorKeys,
): EnvironmentModel[] {
  const prefix = purpose.toUpperCase() as Uppercase<OtherPurpose>;
  const names = [`${prefix}_PROVIDER`, `${prefix}_URL`, `${prefix}_MODEL`] as const;
  const own = values[`${prefix}_API_KEY`];
  const setVariables = names.filter((name) => values[name] !== undefined);
  if (setVariables.length === 0 && !own) return [];
  const url = values[`${prefix}_URL`];
  const named = namedProvider(names[0], values[names[0]] ?? 'openai', url);
  const provider = url === undefined || findVendor(named) ? named : 'openai';
  const key = own ? { variable: `${prefix}_API_KEY`, value: own } : keyFor(provider, url, keys);
  const voice = purpose === 'tts' ? values.TTS_VOICE : undefined;
  return [
    {
      name: purpose,
      purpose,
      provider,
      model: values[names[2]] ?? usualOrRefuse(purpose, provider, prefix),
      baseUrl: url ?? addressOf(provider, key, values),
      requestParams: voice ? { voice } : {},
      fallbackPosition: undefined,
      key,
      variables: [...setVariables, ...(voice ? ['TTS_VOICE'] : []), ...(key ? [key.variable] : [])],
    },
  ];
}

function usualOrRefuse(purpose: OtherPurpose, provider: string, prefix: string): string {
  const usual = usualModel(provider, purpose);
  if (usual !== undefined) return usual;
  const reason = `${prefix}_PROVIDER is ${provider}, which has no usual model for this purpose`;
  const variable = `${prefix}_MODEL`;
  throw invalidVariable(variable, reason, `Set ${variable} to the name of a model.`);
}

/** Returns the key of a vendor, unless the URL is on a host of somebody else. */
function keyFor(
  provider: string,
  url: string | undefined,
  keys: VendorKeys,
): EnvironmentKey | undefined {
  return url === undefined || isHostOf(provider, url) ? keys[provider] : undefined;
}

/**
 * Returns the address of a model without a URL, where its vendor's name is not enough: of a server
 * on this machine, and of OpenAI, when the key does not belong to the address of the environment.
 */
function addressOf(
  provider: string,
  key: EnvironmentKey | undefined,
  { OLLAMA_HOST }: ModelValues,
): string | undefined {
  if (provider === 'openai') {
    return key === undefined || key.variable === 'OPENAI_API_KEY' ? undefined : OPENAI_URL;
  }
  const vendor = findVendor(provider);
  if (!vendor?.isLocal) return undefined;
  return (provider === 'ollama' ? OLLAMA_HOST : undefined) ?? vendor.openAiUrl;
}
