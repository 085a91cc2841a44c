import type {
  EmbeddingModelV4,
  ImageModelV4,
  LanguageModelV4,
  RerankingModelV4,
  SpeechModelV4,
  TranscriptionModelV4,
} from '@ai-sdk/provider';
import type { Outcome } from '../../contracts/errors.ts';
import { createFailure } from '../failure.ts';
import type { Fetch } from '../http/restricted-fetch.ts';
import type { Vendor } from '../vendors.ts';
import { loadPackage, type SdkPackage } from './packages.ts';

/** The settings of a model's vendor: region, project and so on. */
export type VendorSettings = Readonly<Record<string, string>>;

/** A vendor with a package of the AI SDK. */
export type SdkVendor = Vendor & Required<Pick<Vendor, 'sdk'>>;

/**
 * The options of a provider. All are given, so that the package reads no address and no key from
 * the environment.
 */
export type SdkOptions = Readonly<{
  apiKey: string;
  baseURL: string;
  fetch: Fetch;
  settings: VendorSettings;
}>;

/** The models of a package by their kind, as its provider names the functions. */
export type SdkModels = {
  languageModel: LanguageModelV4;
  embeddingModel: EmbeddingModelV4;
  speechModel: SpeechModelV4;
  transcriptionModel: TranscriptionModelV4;
  imageModel: ImageModelV4;
  rerankingModel: RerankingModelV4;
};

const KINDS: Readonly<Record<keyof SdkModels, string>> = {
  languageModel: 'language models',
  embeddingModel: 'models for embeddings',
  speechModel: 'models for speech',
  transcriptionModel: 'models for transcriptions',
  imageModel: 'models for images',
  rerankingModel: 'models that rerank',
};

/** Creates a model of a vendor by its package, which is loaded with its first use. */
export async function createModel<Kind extends keyof SdkModels>(
  kind: Kind,
  vendor: SdkVendor,
  modelId: string,
  options: SdkOptions,
): Promise<Outcome<SdkModels[Kind]>> {
  const id = checkPathPart('model', modelId);
  if (!id.ok) return id;
  const loaded = await loadPackage(vendor.sdk.package);
  if (!loaded.ok) return loaded;
  const create = factoryIn(loaded.value, vendor.sdk.create);
  if (create === undefined) {
    const message = `The package ${vendor.sdk.package} exports no function ${vendor.sdk.create}; install a newer version.`;
    return createFailure('invalid_request', message);
  }
  let model: SdkModels[Kind] | undefined;
  try {
    const { settings, ...own } = options;
    model = modelOf(create({ ...settings, ...own }), kind, modelId);
  } catch (error) {
    const reason = error instanceof Error ? ` (${error.message})` : '';
    return createFailure('invalid_request', `${vendor.title} has no ${KINDS[kind]} here${reason}.`);
  }
  if (model === undefined) {
    const message = `The package ${vendor.sdk.package} has no ${KINDS[kind]}; use another vendor.`;
    return createFailure('invalid_request', message);
  }
  if (model.specificationVersion !== 'v4') {
    const message = `The package ${vendor.sdk.package} is too old (specification ${model.specificationVersion}, not v4): run npm install ${vendor.sdk.package}@latest.`;
    return createFailure('invalid_request', message);
  }
  return { ok: true, value: model };
}

/**
 * Refuses a name that would change the address of a request. Packages of vendors put the id of the
 * model, the deployment or the voice into the path as it is, so `../../v1/x?key=` would lead to
 * another path. Ids may contain slashes, such as `tunedModels/x`, colons and dots.
 */
export function checkPathPart(what: 'model' | 'voice', name: string): Outcome<string> {
  const leavesPath = name.split('/').some((part) => part === '' || part === '.' || part === '..');
  if (!leavesPath && /^[\p{L}\p{N}\p{M} ._~:@/+=,()!$&'*;-]+$/u.test(name)) {
    return { ok: true, value: name };
  }
  const message = `The ${what} ${JSON.stringify(name)} would change the address of the request; use the id of the vendor.`;
  return createFailure('invalid_request', message);
}

type Models = { [Kind in keyof SdkModels]?: (modelId: string) => SdkModels[Kind] };
/** A provider of a package. `speech` is the name of `speechModel` in the package of Azure. */
type SdkProvider = Models & { speech?: Models['speechModel'] };
type Factory = (options: object) => SdkProvider;

function modelOf<Kind extends keyof SdkModels>(
  provider: SdkProvider,
  kind: Kind,
  modelId: string,
): SdkModels[Kind] | undefined {
  const models: Models = provider;
  const isSpeech = kind === 'speechModel' && models.speechModel === undefined;
  return isSpeech ? (provider.speech?.(modelId) as SdkModels[Kind]) : models[kind]?.(modelId);
}

/** Returns the function of a package that creates a provider: by its name, else the first one. */
function factoryIn(exports: SdkPackage, name: string): Factory | undefined {
  const named = name === '' ? Object.keys(exports).find((key) => /^create[A-Z]/.test(key)) : name;
  const factory = named === undefined ? undefined : exports[named];
  return typeof factory === 'function' ? (factory as Factory) : undefined;
}
