import type { JsonObject, JsonSchema } from '../../json/json.ts';
import { enumLabels } from '../enum-labels.generated.ts';
import type { Outcome } from '../errors.ts';
import type { AnswerPart, Message, ToolCall } from '../runs/message.ts';
import type { EngineRun } from '../runs/run-context.ts';
import type { RunFiles } from '../runs/run-files.ts';
import type { Usage } from './usage.ts';

/** The purposes of models, as in the column `purpose` of a model. */
export const MODEL_PURPOSES = enumLabels.model_purpose;
export type ModelPurpose = (typeof MODEL_PURPOSES)[number];

/**
 * A model as a pinned version refers to it. If `base_url` is null, the URL of the environment is
 * used. The key is the value of the named secret. Without a secret, the key of the environment is
 * used at the URL of the environment, and no key elsewhere.
 */
export type ModelRef = {
  /** The id of the model; null for an engine whose usage has no price. */
  id: string | null;
  name: string;
  provider: string;
  model: string;
  base_url: string | null;
  /** The name of the secret; absent if the model names none. */
  secret_name?: string;
  /** Set if requests may reach only public addresses, and those that the operator allows. */
  is_guarded?: true;
  context_tokens: number | null;
  /** Set if the model receives images that tools return. */
  images?: true;
  /** Set if the model receives audio that tools return. */
  audio?: true;
  /** Parameters passed through to the provider (temperature, max_tokens, …). */
  request_params: JsonObject;
};

/** A tool as a model sees it; `name` matches `[A-Za-z0-9_-]{1,64}`. */
export type ToolSchema = {
  name: string;
  description: string;
  parameters: JsonSchema;
  /** Set by a provider if the parameters are in the strict form of the vendor. */
  is_strict?: true;
};

/** A tool that a request did not contain, because its vendor does not accept it. */
export type LeftOutTool = { tool: string; reason: string };

export type ModelRequest = {
  model: ModelRef;
  messages: Message[];
  tools: ToolSchema[];
  /** The name of the tool that the model has to call. */
  tool_choice?: string;
  /**
   * The schema of the answer, if any. The content of the answer must be JSON that satisfies it. The
   * runtime checks this, not the provider.
   */
  output_schema: JsonSchema | null;
  /** Set by a provider if `output_schema` is in the strict form of the vendor. */
  is_output_strict?: true;
};

/**
 * How an answer ended, as in `executions.finish_reason`. `length`: at the token limit. `refusal`:
 * the model refused to answer, and the content has its words.
 */
export const FINISH_REASONS = enumLabels.finish_reason;
export type FinishReason = (typeof FINISH_REASONS)[number];

export type ModelAnswer = {
  content: string | null;
  tool_calls: ToolCall[];
  finish_reason: FinishReason;
  /** The names of the calls that the token limit cut off. They are not among `tool_calls`. */
  cut_calls?: string[];
  usage: Usage;
  /**
   * Reasoning and citations, in the order of the answer, and the task of a remote agent. Reasoning
   * is opaque: the log stores it, and the next request gives it back to the same vendor.
   */
  parts?: AnswerPart[];
  /** Parameters and parts that the provider left out or changed, for the log. */
  warnings?: string[];
  /** The tools that the request did not contain. */
  left_out_tools?: LeftOutTool[];
  /** The step of the run that has the answer, if it is from the answer cache. */
  cached_from?: AnsweredStep;
  /** The digest of the request, if the answer may be put into the answer cache. */
  request_digest?: Buffer;
};

/** A step that has the answer of a model. */
export type AnsweredStep = { execution_id: string; seq: number };

/** An answer of the answer cache. */
export type CachedAnswer = AnsweredStep & {
  content: string | null;
  parts: AnswerPart[] | null;
  tool_calls: ToolCall[] | null;
  finish_reason: FinishReason;
};

/** The answers that agents use again for equal requests. */
export type AnswerCache = {
  /** Returns the answer to an equal request that is at most `maxAge` seconds old. */
  find(executionId: string, digest: Buffer, maxAge: number): Promise<CachedAnswer | undefined>;
  /** Puts the answer in a message of a run into the cache. */
  add(executionId: string, digest: Buffer, messageSeq: number): Promise<void>;
};

export type ModelCallContext = {
  /** Fires on cancel, drain and time-out: the call must end at once with code `cancelled`. */
  signal: AbortSignal;
  /** Receives the text as it streams in. The text is ephemeral; only the answer counts. */
  onToken?: (text: string) => void;
  /**
   * The value of the model's secret, which replaces any other key. It is sent to the provider, and
   * must not appear in any text.
   */
  key?: string;
  /** The time limits of the model, in milliseconds: see `http/stall-timeout.ts`. */
  limits?: { first_chunk_ms?: number; between_chunks_ms?: number };
  /** The `traceparent` header for the request, if the run is traced (W3C Trace Context). */
  traceparent?: string;
  /** The tenant of the run, whose turn and budget apply to a call that uses this process. */
  tenant_id?: string;
  /** The run that requests the answer, with its input; for engines only. */
  run?: EngineRun;
  /** The files of the run; for engines only. */
  files?: RunFiles;
  /**
   * Returns whether the run has ended, after the signal has fired. Otherwise a worker continues the
   * run. For engines only.
   */
  hasRunEnded?(): Promise<boolean>;
};

export type EmbedRequest = { model: ModelRef; texts: string[] };

/** The vectors of the texts, in the order of the texts. The model determines their length. */
export type Embeddings = { vectors: number[][]; usage: Usage };

/** A text to speak. The voice and the format are in `model.request_params`. */
export type SpeechRequest = { model: ModelRef; text: string };

/** A spoken text, at most 64 MB. */
export type Speech = { audio: Uint8Array; media_type: string; warnings?: string[] };

/** A recording to write down, at most 25 MB. */
export type TranscriptionRequest = { model: ModelRef; audio: Uint8Array; media_type: string };

/** The text of a recording. The text is empty if nobody speaks. */
export type Transcription = {
  text: string;
  /** The spoken language, if the vendor reports it. */
  language?: string;
  /** The length of the recording in seconds, if the vendor reports it. */
  seconds?: number;
  warnings?: string[];
};

/** A description of an image to make. Its size and quality are in `model.request_params`. */
export type ImageRequest = { model: ModelRef; prompt: string };

/** An image that a model made. */
export type GeneratedImage = {
  image: Uint8Array;
  media_type: string;
  /** The size in pixels, if the header of the image states it. */
  width?: number;
  height?: number;
  /** The tokens, if the vendor reports them. */
  usage?: Usage;
  warnings?: string[];
};

/** Texts to sort by their relevance to a query. */
export type RerankRequest = { model: ModelRef; query: string; documents: string[] };

/** A document by its index in the request. Vendors use different scales for scores. */
export type RankedDocument = { index: number; score: number };

/** The documents, most relevant first. With `top_n` in `request_params` only the first ones. */
export type Ranking = {
  documents: RankedDocument[];
  /** The tokens, if the vendor reports them. */
  usage?: Usage;
  warnings?: string[];
};

/** The largest recording that is sent to a vendor. OpenAI accepts no larger one. */
export const MAX_AUDIO_BYTES = 25 * 1024 * 1024;

/**
 * A vendor of models. Its functions never throw: every failure is a `RunError`. They never repeat a
 * request, except without a tool that the vendor refused by name. The runtime retries, and logs
 * each retry. A provider does not access the database.
 */
export type ModelProvider = {
  readonly name: string;
  generate(request: ModelRequest, context: ModelCallContext): Promise<Outcome<ModelAnswer>>;
  /** Computes embeddings. Absent if the vendor has none; engines have none. */
  embed?(request: EmbedRequest, context: ModelCallContext): Promise<Outcome<Embeddings>>;
  /** Speaks a text. Absent if the vendor has no such models. */
  synthesizeSpeech?(request: SpeechRequest, context: ModelCallContext): Promise<Outcome<Speech>>;
  /** Writes down a recording. Absent if the vendor has no such models. */
  transcribe?(
    request: TranscriptionRequest,
    context: ModelCallContext,
  ): Promise<Outcome<Transcription>>;
  /** Makes an image. Absent if the vendor has no such models. */
  generateImage?(
    request: ImageRequest,
    context: ModelCallContext,
  ): Promise<Outcome<GeneratedImage>>;
  /** Sorts documents by relevance. Absent if the vendor has no such models. */
  rerank?(request: RerankRequest, context: ModelCallContext): Promise<Outcome<Ranking>>;
};
