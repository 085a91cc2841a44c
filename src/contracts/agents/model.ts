import type { JsonObject, JsonSchema } from '../../json/json.ts';
import type { Outcome } from '../errors.ts';
import type { Message, ToolCall } from '../runs/message.ts';
import type { EngineRun } from './engine.ts';

/**
 * A model as a pinned version names it. `base_url` null means the environment's URL; the key is the value of the secret
 * named, else the environment's at the environment's URL, else none.
 */
export type ModelRef = {
  /** Null for an engine whose usage nobody prices. */
  id: string | null;
  name: string;
  provider: string;
  model: string;
  base_url: string | null;
  /** Absent where the model names none. */
  secret_name?: string;
  context_tokens: number | null;
  /** It is shown images that tools bring; absent where it is not. */
  images?: true;
  /** Sounds likewise. */
  audio?: true;
  /** Passed through to the provider (temperature, max_tokens, …). */
  request_params: JsonObject;
};

/** A tool as a model sees it; `name` matches `[A-Za-z0-9_-]{1,64}`. */
export type ToolSchema = { name: string; description: string; parameters: JsonSchema };

export type ModelRequest = {
  model: ModelRef;
  messages: Message[];
  tools: ToolSchema[];
  /** The tool that has to be called. */
  tool_choice?: string;
  /** When set the answer's content must be JSON that satisfies it (checked by the runtime, not the provider). */
  output_schema: JsonSchema | null;
};

export type FinishReason = 'stop' | 'tool_calls' | 'length' | 'content_filter';

/** Tokens as the provider counted them; an estimate (bytes / 4) where it did not say. */
export type Usage = { tokens_in: number; tokens_out: number };

export type ModelAnswer = {
  content: string | null;
  tool_calls: ToolCall[];
  finish_reason: FinishReason;
  usage: Usage;
};

export type ModelCallContext = {
  /** Fires on cancel, drain and time-out: the call must end at once with code `cancelled`. */
  signal: AbortSignal;
  /** Text as it streams in. Ephemeral: what counts is the answer. */
  onToken?: (text: string) => void;
  /** The value of the model's secret, in place of any other key: for the wire alone, never for a text. */
  key?: string;
  /** Where the run is traced: the header of this name, for the request (W3C Trace Context). */
  traceparent?: string;
  /** The tenant of the run, for its turn and budget where a call uses this process. */
  tenant_id?: string;
  /** For engines: which run asks, and what it was told to do. */
  run?: EngineRun;
};

export type EmbedRequest = { model: ModelRef; texts: string[] };

/** A vector for each text, in their order; their length is the model's. */
export type Embeddings = { vectors: number[][]; usage: Usage };

/**
 * One vendor. `generate` and `embed` never throw and never retry: every failure is a `RunError`, retries are
 * the runtime's and stand in the log. It touches no database.
 */
export type ModelProvider = {
  readonly name: string;
  generate(request: ModelRequest, context: ModelCallContext): Promise<Outcome<ModelAnswer>>;
  /** Absent where the vendor has no embeddings, as engines have none. */
  embed?(request: EmbedRequest, context: ModelCallContext): Promise<Outcome<Embeddings>>;
};
