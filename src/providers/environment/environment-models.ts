import { HowdahError } from '../../contracts/errors.ts';
import { invalidVariable } from '../../settings/parse-variables.ts';
import { findVendor, OPENAI_URL } from '../vendors.ts';
import {
  OTHER_PURPOSES,
  type OtherPurpose,
  otherPurposeOf,
  type VariableFaults,
  warnLeftOut,
  withoutFaulty,
} from './faulty-variables.ts';
import { type LanguageModel, languageModels } from './language-models.ts';
import { type UsualPurpose, usualModel } from './usual-models.ts';
import type { ModelValues } from './variables.ts';
import { type EnvironmentKey, type VendorKeys, vendorKeys } from './vendor-keys.ts';
import { isAtOwnHost, isHostOf, isPackage, vendorProviderOf } from './vendor-names.ts';

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
  purpose: UsualPurpose;
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
  /** Sentences about models that the variables describe wrongly, and that are left out. */
  warnings: readonly string[];
  /** The server and the key of models of `openai` whose row names no address and no secret. */
  openai: OpenAiServer;
}>;

/** `apiKey` is a secret: pass it to the provider, never to a log. */
export type OpenAiServer = Readonly<{ baseUrl: string | undefined; apiKey: string | undefined }>;

/**
 * Returns the models that the environment describes. `env` holds the keys of vendors under the
 * names of `KEY_VARIABLES`. `faults` are those of variables that cannot be parsed.
 */
export function environmentModels(
  parsed: ModelValues,
  env: Readonly<Record<string, string | undefined>>,
  faults: VariableFaults,
): EnvironmentModels {
  const values = withoutFaulty(parsed, faults);
  const keys = vendorKeys(values, env);
  const [first, ...rest] = languageModels(values, keys);
  const openai = openAiServer(first, values, keys);
  const described = OTHER_PURPOSES.map((purpose) => describedModel(purpose, values, keys, openai));
  const others = [
    ...(first ? fallbacks(first, rest, values, openai) : []),
    ...described.flatMap(({ models }) => models),
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
    openai,
    warnings: Object.freeze([
      ...[...faults].map(([variable, fault]) => warnLeftOut(otherPurposeOf(variable), fault)),
      ...described.flatMap(({ warning }) => warning ?? []),
    ]),
  });
}

/**
 * Returns the server for rows of `openai` without an address. If the default model has a URL, its
 * server takes precedence over OPENAI_BASE_URL.
 */
function openAiServer(
  first: LanguageModel | undefined,
  values: ModelValues,
  keys: VendorKeys,
): OpenAiServer {
  if (first && (first.provider === 'openai' || first.baseUrl !== undefined)) {
    return Object.freeze({ baseUrl: first.baseUrl, apiKey: first.key?.value });
  }
  const { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY } = values;
  const apiKey = baseUrl === undefined ? keys.openai?.value : OPENAI_API_KEY;
  return Object.freeze({ baseUrl, apiKey });
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
function fallbacks(
  first: LanguageModel,
  rest: readonly LanguageModel[],
  values: ModelValues,
  openai: OpenAiServer,
): EnvironmentModel[] {
  if (rest.length === 0) return [];
  const isLlm = (first.provider !== 'local' && first.provider !== 'scripted') || undefined;
  const ordered = [
    ...rest.filter((one) => !one.isLocal),
    ...rest.filter((one) => one.isLocal),
    ...(isLlm ? [EXTRACTIVE] : []),
  ];
  return ordered.map((model, index) => ({
    name: model.provider,
    purpose: 'llm',
    provider: model.provider,
    model: model.model,
    baseUrl: model.provider === 'openai' ? openAiAddress(model.key, values, openai) : model.baseUrl,
    requestParams: {},
    fallbackPosition: isLlm && index + 1,
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

/**
 * Returns the model of another purpose, or a warning if the variables describe none that can be
 * called. Runs need only language models, so such a fault must not keep Howdah from starting.
 */
function describedModel(
  purpose: OtherPurpose,
  ...more: Parameters<typeof purposeModel> extends [unknown, ...infer Rest] ? Rest : never
): { models: EnvironmentModel[]; warning?: string } {
  try {
    return { models: purposeModel(purpose, ...more) };
  } catch (error) {
    if (!(error instanceof HowdahError)) throw error;
    return { models: [], warning: warnLeftOut(purpose, error) };
  }
}

/** Returns the model that the variables of another purpose describe, such as `TTS_*`. */
function purposeModel(
  purpose: OtherPurpose,
  values: ModelValues,
  keys: VendorKeys,
  openai: OpenAiServer,
): EnvironmentModel[] {
  const prefix = purpose.toUpperCase() as Uppercase<OtherPurpose>;
  const names = [`${prefix}_PROVIDER`, `${prefix}_URL`, `${prefix}_MODEL`] as const;
  const own = values[`${prefix}_API_KEY`];
  const setVariables = names.filter((name) => values[name] !== undefined);
  if (setVariables.length === 0 && !own) return [];
  const { provider: named, url } = vendorProviderOf(prefix, values);
  const isNamed =
    url === undefined ||
    findVendor(named) !== undefined ||
    isPackage(named) ||
    isAtOwnHost(named, url);
  const provider = isNamed ? named : 'openai';
  if (url === undefined && isPackage(provider)) throw missingAddress(prefix);
  const key = own ? { variable: `${prefix}_API_KEY`, value: own } : keyFor(provider, url, keys);
  const voice = purpose === 'tts' ? values.TTS_VOICE : undefined;
  return [
    {
      name: purpose,
      purpose,
      provider,
      model:
        values[names[2]] ?? modelOfServer(purpose, url) ?? usualOrRefuse(purpose, provider, prefix),
      baseUrl: url ?? addressOf(provider, key, values, openai),
      requestParams: voice ? { voice } : {},
      fallbackPosition: undefined,
      key,
      variables: [...setVariables, ...(voice ? ['TTS_VOICE'] : []), ...(key ? [key.variable] : [])],
    },
  ];
}

function missingAddress(prefix: string): Error {
  const reason = `${prefix}_PROVIDER is a package, whose models need an address`;
  return invalidVariable(
    `${prefix}_URL`,
    reason,
    `Set ${prefix}_URL to the address of the server.`,
  );
}

/** Returns no name for a server for speech, which may have only one model. */
const modelOfServer = (purpose: OtherPurpose, url: string | undefined): '' | undefined =>
  url !== undefined && purpose !== 'embedding' ? '' : undefined;

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
 * on this machine, and of OpenAI, when rows of `openai` have another server or key.
 */
function addressOf(
  provider: string,
  key: EnvironmentKey | undefined,
  values: ModelValues,
  openai: OpenAiServer,
): string | undefined {
  if (provider === 'openai') return openAiAddress(key, values, openai);
  const vendor = findVendor(provider);
  if (!vendor?.isLocal) return undefined;
  return (provider === 'ollama' ? values.OLLAMA_HOST : undefined) ?? vendor.openAiUrl;
}

/** Returns the address of a model of `openai`, or undefined if its row needs none. */
function openAiAddress(
  key: EnvironmentKey | undefined,
  { OPENAI_BASE_URL: url }: ModelValues,
  openai: OpenAiServer,
): string | undefined {
  if (key === undefined) return url === openai.baseUrl ? undefined : url;
  if (key.variable !== 'OPENAI_API_KEY') return OPENAI_URL;
  return url === openai.baseUrl && key.value === openai.apiKey ? undefined : (url ?? OPENAI_URL);
}
