import type OpenAI from 'openai';
import type { ChatCompletionCreateParamsStreaming } from 'openai/resources/chat/completions';
import type {
  ModelAnswer,
  ModelCallContext,
  ModelProvider,
  ModelRef,
  ModelRequest,
} from '../contracts/agents/model.ts';
import type { Failure, Outcome } from '../contracts/errors.ts';
import { parseJson } from '../json/parse-json.ts';
import { Redaction, type StreamRedaction } from '../redaction/redaction.ts';
import { meaningOfFinish } from './answers/finish-reasons.ts';
import { emitToken } from './answers/tokens.ts';
import { usageOfFailure } from './answers/usage.ts';
import { createCancellation, createFailure } from './failure.ts';
import { redactAnswer } from './http/answer-redaction.ts';
import { exchange } from './http/exchange.ts';
import { errorIn, type Peer, reportedFailure, webPage } from './http/failures.ts';
import { secretsIn } from './http/redact.ts';
import { checkParams } from './http/reserved-params.ts';
import {
  type ModelServer,
  type OpenAiEnv,
  openAiAccount,
  resolveServer,
  type VendorAccount,
} from './http/resolve-server.ts';
import { type Fetch, restrictModelFetch } from './http/restricted-fetch.ts';
import type { Limits } from './http/stall-timeout.ts';
import { withTimeLimits } from './http/time-limits.ts';
import { synthesizeSpeech, transcribe } from './openai/audio.ts';
import { requestBody } from './openai/body.ts';
import { embed, embedInBatches, type Line } from './openai/embed.ts';
import { generateImage } from './openai/image.ts';
import { mapError } from './openai/map-error.ts';
import { rerank } from './openai/rerank.ts';
import { loadSdk, type Sdk } from './openai/sdk.ts';
import {
  addChunk,
  addWhole,
  emptyFold,
  endText,
  type Fold,
  foldedAnswer,
  isCutOff,
  isTooLong,
} from './openai/stream-accumulator.ts';
import { COMPATIBLE, OPENAI, type VendorRules } from './schemas/rules.ts';
import { withFittingSchemas } from './schemas/with-fitting-schemas.ts';
import { findVendor } from './vendors.ts';

/**
 * The options of the provider: the server of the environment, or the account of another vendor with
 * OpenAI's format. An SSRF guard may wrap `fetch`. Tests set `limits`.
 */
export type OpenAiOptions = ({ env: OpenAiEnv } | { account: VendorAccount }) & {
  fetch?: Fetch | undefined;
  limits?: Partial<Limits> | undefined;
};

/**
 * Creates the provider for OpenAI and every server with its chat completions (Ollama, vLLM, Groq,
 * OpenRouter, Azure …), with streaming, embeddings, audio, images and reranking. The provider never
 * throws and never retries. `resolveServer` decides which server receives which key.
 */
export function openaiProvider(options: OpenAiOptions): ModelProvider {
  const provider = withTimeLimits({
    name: 'openai',
    generate: (request, context) =>
      callServer(options, request.model, context, (line) => call({ ...line, request, context })),
    embed: (request, context) =>
      embedInBatches(request, (texts) =>
        callServer(options, request.model, context, (line) => embed(line, request.model, texts)),
      ),
    synthesizeSpeech: (request, context) =>
      callServer(options, request.model, context, (line) => synthesizeSpeech(line, request)),
    transcribe: (request, context) =>
      callServer(options, request.model, context, (line) => transcribe(line, request)),
    generateImage: (request, context) =>
      callServer(options, request.model, context, (line) => generateImage(line, request)),
    rerank: (request, context) =>
      callServer(options, request.model, context, (line) => rerank(line, request)),
  });
  return withFittingSchemas(provider, rulesOfServer);
}

/** Returns the rules for the schemas of a model in OpenAI's format. */
function rulesOfServer({ provider }: ModelRef): VendorRules {
  return findVendor(provider)?.name === 'openai' ? OPENAI : COMPATIBLE;
}

/** Sends one request to the server of a model and returns any result or failure as data. */
async function callServer<T>(
  options: OpenAiOptions,
  model: ModelRef,
  context: ModelCallContext,
  send: (line: Line) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const sdk = await loadSdk().catch(loadFailure);
  if ('error' in sdk) return sdk;
  if (context.signal.aborted) return createCancellation();
  const reserved = checkParams(model);
  if (!reserved.ok) return reserved;
  const target = resolveServer(accountOf(options), model, context.key);
  if (!target.ok) return target;
  const secret = context.key === undefined ? undefined : model.secret_name;
  const peer = { ...target.value, model: model.model, secret };
  const client = clientFor(sdk, target.value, options.fetch ?? fetch, context);
  return exchange(
    {
      peer,
      limits: options.limits,
      send: (watch) => send({ sdk, client, watch, peer }),
      failureOf: (error) => mapError(error, peer, sdk),
    },
    context,
  );
}

function accountOf(options: OpenAiOptions): VendorAccount {
  return 'account' in options ? options.account : openAiAccount(options.env);
}

/** Returns the failure of a call for which the package `openai` could not be loaded. */
function loadFailure(error: unknown): Failure {
  const { message, code } = error as { message?: string; code?: unknown };
  const reason = `The client of the model could not be loaded: ${message ?? String(error)}.`;
  const cause = typeof code === 'string' ? { code } : undefined;
  return createFailure('unreachable', reason, { cause });
}

/**
 * Creates the client with every option set, so that the client reads nothing from the environment.
 */
function clientFor(
  { OpenAI }: Sdk,
  { baseUrl, key }: ModelServer,
  fetch: Fetch,
  { traceparent }: ModelCallContext,
): OpenAI {
  return new OpenAI({
    // The client requires a key. Without a key the header is removed before the request is sent.
    apiKey: key ?? 'none',
    baseURL: baseUrl,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    logLevel: 'off',
    fetch: restrictModelFetch(fetch, key, traceparent),
  });
}

type Call = Line & { request: ModelRequest; context: ModelCallContext };

async function call(the: Call): Promise<Outcome<ModelAnswer>> {
  const { request, watch, peer } = the;
  const body = requestBody(request) as unknown as ChatCompletionCreateParamsStreaming;
  const sent = the.client.chat.completions.create(body, { signal: watch.signal });
  const { data: stream, response } = await sent.withResponse();
  const type = response.headers.get('content-type')?.toLowerCase() ?? '';
  if (type.includes('html')) return webPage(peer);
  const fold = emptyFold();
  const redaction = Redaction.of(secretsIn(peer.key));
  const filter = redaction.stream();
  if (type.includes('json')) {
    const whole: unknown = parseJson(await response.text());
    const error = errorIn(whole);
    if (error) return reportedFailure(error, '', peer);
    emitToken(the.context, filter.pass(addWhole(fold, whole)));
  } else {
    const broken = await readStream(stream, fold, filter, the);
    if (broken !== null) return { ...broken, ...usageOfFailure(fold.usage) };
  }
  emitToken(the.context, filter.pass(endText(fold)));
  emitToken(the.context, filter.rest({ isCut: isCutOff(fold) }));
  const outcome = answerIn(fold, request, peer);
  return outcome.ok ? { ok: true, value: redactAnswer(outcome.value, redaction) } : outcome;
}

/**
 * Reads the stream to its end. An error after the finish reason is ignored, because only the usage
 * could be missing.
 */
async function readStream(
  stream: AsyncIterable<unknown>,
  fold: Fold,
  filter: StreamRedaction,
  { context, watch, peer, sdk }: Call,
): Promise<Failure | null> {
  try {
    for await (const chunk of stream) {
      watch.touch();
      if (context.signal.aborted) break;
      const error = errorIn(chunk);
      if (error) return reportedFailure(error, '', peer);
      emitToken(context, filter.pass(addChunk(fold, chunk)));
      if (isTooLong(fold)) {
        return createFailure('bad_answer', `${peer.host} sent a text longer than the limit.`);
      }
    }
  } catch (error) {
    if (fold.finish === null || error instanceof sdk.APIError) return mapError(error, peer, sdk);
  }
  return null;
}

function answerIn(fold: Fold, request: ModelRequest, peer: Peer): Outcome<ModelAnswer> {
  const answer = foldedAnswer(fold, request);
  if (answer !== null && answer !== 'overloaded') return { ok: true, value: answer };
  const cause = { finish_reason: fold.finish, characters: fold.content.length };
  const failure =
    answer === 'overloaded'
      ? createFailure('overloaded', `${peer.host} gave the answer up.`, { cause })
      : createFailure('bad_answer', `The answer of ${peer.host} ${faultOf(fold)}.`, { cause });
  return { ...failure, ...usageOfFailure(fold.usage) };
}

function faultOf({ finish, chat }: Fold): string {
  if (finish === null || meaningOfFinish(finish) === 'error') return 'ended before it was complete';
  return chat ? 'calls a tool without a name' : 'is not a chat completion';
}
