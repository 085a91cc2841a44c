import type { ModelCallContext, ModelProvider, ModelRef } from '../contracts/agents/model.ts';
import type { Outcome } from '../contracts/errors.ts';
import type { JsonObject } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import { accountOf, atAddress, settingsIn } from './ai-sdk/account.ts';
import {
  type AwsCredentials,
  awsCredentialsIn,
  refuseUnsignable,
} from './ai-sdk/aws-credentials.ts';
import { inWholeFrames } from './ai-sdk/event-stream-frames.ts';
import { mapSdkError } from './ai-sdk/map-error.ts';
import { createModel, type SdkModels, type SdkOptions, type SdkVendor } from './ai-sdk/models.ts';
import { embedAll } from './ai-sdk/purposes/embed.ts';
import { generate, type Line } from './ai-sdk/purposes/generate.ts';
import { IMAGE_OPTIONS, makeImage, withoutDownloads } from './ai-sdk/purposes/image.ts';
import { RERANK_OPTIONS, rankDocuments } from './ai-sdk/purposes/rerank.ts';
import { speak, withoutSpeechOptions } from './ai-sdk/purposes/speech.ts';
import { transcribeAudio, withVendorSettingsOnly } from './ai-sdk/purposes/transcription.ts';
import { type CallParams, mergeBody, readParams, withoutParams } from './ai-sdk/request-params.ts';
import { createCancellation } from './failure.ts';
import { exchange } from './http/exchange.ts';
import { webPage } from './http/failures.ts';
import { checkParams } from './http/reserved-params.ts';
import { type ModelServer, resolveServer } from './http/resolve-server.ts';
import { type Fetch, restrictSdkFetch } from './http/restricted-fetch.ts';
import type { Limits, Watch } from './http/stall-timeout.ts';
import { withTimeLimits } from './http/time-limits.ts';
import { rulesOfPackage } from './schemas/rules.ts';
import { withFittingSchemas } from './schemas/with-fitting-schemas.ts';

/** The options of the provider. An SSRF guard may wrap `fetch`. Tests set `limits`. */
export type AiSdkOptions = {
  vendor: SdkVendor;
  /** The key of the environment for this vendor. */
  key?: string | undefined;
  fetch?: Fetch | undefined;
  limits?: Partial<Limits> | undefined;
};

/**
 * Creates the provider of a vendor that is reached by its package of the AI SDK, in the vendor's
 * own format. The provider never throws and never retries. The package gets address and key from
 * here, and reads nothing from the environment.
 */
export function aiSdkProvider(options: AiSdkOptions): ModelProvider {
  const { name } = options.vendor;
  const rules = rulesOfPackage(name);
  const provider = withTimeLimits({
    name,
    generate: (request, context) =>
      callModel('languageModel', options, request.model, context, (model, line) =>
        generate(model, name, line, request, context),
      ),
    embed: (request, context) =>
      callModel('embeddingModel', options, request.model, context, (model, { watch, peer }) =>
        embedAll(model, request, watch.signal, peer),
      ),
    synthesizeSpeech: (request, context) => {
      const row = withoutSpeechOptions(request.model);
      return callModel('speechModel', options, row, context, (model, { watch, peer }) =>
        speak(model, request, watch.signal, peer),
      );
    },
    transcribe: (request, context) => {
      const row = withVendorSettingsOnly(request.model);
      return callModel('transcriptionModel', options, row, context, (model, { watch }) =>
        transcribeAudio(model, request, name, watch.signal),
      );
    },
    generateImage: (request, context) => {
      const row = withoutParams(request.model, IMAGE_OPTIONS);
      return callModel('imageModel', options, row, context, (model, { watch, peer }) =>
        makeImage(model, request, watch.signal, peer),
      );
    },
    rerank: (request, context) => {
      const row = withoutParams(request.model, RERANK_OPTIONS);
      return callModel('rerankingModel', options, row, context, (model, { watch, peer }) =>
        rankDocuments(model, request, watch.signal, peer),
      );
    },
  });
  return withFittingSchemas(provider, () => rules);
}

/** Sends one request to a model of the package. A package for images may download none. */
function callModel<Kind extends keyof SdkModels, T>(
  kind: Kind,
  options: AiSdkOptions,
  row: ModelRef,
  context: ModelCallContext,
  send: (model: SdkModels[Kind], line: Line) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  return callVendor({ ...options, kind }, row, context, async (line) => {
    const fetch = kind === 'imageModel' ? withoutDownloads(line.sdk.fetch) : line.sdk.fetch;
    const model = await createModel(kind, options.vendor, line.model, { ...line.sdk, fetch });
    return model.ok ? send(model.value, line) : model;
  });
}

/** The options of a call of one kind of model. */
type CallOptions = AiSdkOptions & { kind: keyof SdkModels };

/** Sends one request to the vendor of a model and returns any result or failure as data. */
async function callVendor<T>(
  options: CallOptions,
  model: ModelRef,
  context: ModelCallContext,
  send: (line: Line) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  if (context.signal.aborted) return createCancellation();
  const prepared = prepareCall(options, model, context);
  if (!prepared.ok) return prepared;
  const { target, params, settings, credentials } = prepared.value;
  const isSigned = credentials !== null;
  const secret = context.key === undefined ? undefined : model.secret_name;
  const peer = { ...target, model: model.model, secret };
  let isWebPage = false;
  const outcome = await exchange<T>(
    {
      peer,
      limits: options.limits,
      send: (watch) => {
        const guarded = restrictSdkFetch(options.fetch ?? fetch, target.key, context.traceparent);
        const isFramed =
          options.vendor.name === 'amazon-bedrock' && options.kind === 'languageModel';
        const framed = isFramed ? inWholeFrames(guarded) : guarded;
        const addressed = atAddress(framed, options.vendor.sdkUrl, target.baseUrl);
        const observed = observe(addressed, isSigned ? {} : params.body, watch, (response) => {
          isWebPage = response.ok && /html/i.test(response.headers.get('content-type') ?? '');
        });
        // "none": the header is removed before the request is sent. Empty: the package signs
        const apiKey = isSigned ? '' : (target.key ?? 'none');
        const own = { apiKey, baseURL: target.baseUrl, fetch: observed };
        const sdk = { settings: { ...settings, ...credentials }, ...own };
        return send({ model: model.model, sdk, params, isSigned, watch, peer });
      },
      failureOf: (error) => mapSdkError(error, peer),
    },
    context,
  );
  return !outcome.ok && isWebPage && outcome.error.code === 'bad_answer' ? webPage(peer) : outcome;
}

type PreparedCall = {
  target: ModelServer;
  params: CallParams;
  settings: SdkOptions['settings'];
  credentials: AwsCredentials | null;
};

/** Checks the parameters of a model, and resolves the address and the key of its vendor. */
function prepareCall(
  { vendor, key, kind }: CallOptions,
  model: ModelRef,
  context: ModelCallContext,
): Outcome<PreparedCall> {
  const reserved = checkParams(model);
  if (!reserved.ok) return reserved;
  const params = readParams(model, vendor.name);
  if (!params.ok) return params;
  const found = settingsIn(model.request_params);
  if (!found.ok) return found;
  const ofEnvironment = model.base_url === null ? key : undefined;
  const credentials =
    vendor.name === 'amazon-bedrock' ? awsCredentialsIn(context.key ?? ofEnvironment) : null;
  const settings = { ...(credentials?.region && { region: credentials.region }), ...found.value };
  const account = accountOf(vendor, settings, model.base_url, key, kind);
  if (!account.ok) return account;
  const target = resolveServer(account.value, model, context.key);
  if (!target.ok) return target;
  const unsignable = credentials && refuseUnsignable(model, settings.region, kind, params.value);
  if (unsignable) return unsignable;
  return { ok: true, value: { target: target.value, params: params.value, settings, credentials } };
}

/**
 * Wraps a fetch: it adds the parameters that the package does not know to the body of the request,
 * and lets the watch see each piece of the answer.
 */
function observe(
  fetch: Fetch,
  body: JsonObject,
  watch: Watch,
  onResponse: (response: Response) => void,
): Fetch {
  return async (input, init) => {
    const sent =
      typeof init?.body === 'string' && Object.keys(body).length > 0
        ? { ...init, body: JSON.stringify(mergeBody(parseJson<JsonObject>(init.body), body)) }
        : init;
    const response = await fetch(input, sent);
    onResponse(response);
    if (response.body === null) return response;
    const touch = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        watch.touch();
        controller.enqueue(chunk);
      },
    });
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(touch), { status, statusText, headers });
  };
}
