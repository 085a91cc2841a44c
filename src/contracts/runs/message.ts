import type { Json, JsonObject } from '../../json/json.ts';
import type { EnumLabel } from '../enum-labels.generated.ts';
import type { Trust } from './trust.ts';

export type Role = EnumLabel<'message_role'>;

/**
 * A call that a model requests. `arguments` is the raw JSON text of the model; it may be invalid.
 */
export type ToolCall = {
  id: string;
  name: string;
  arguments: string;
  /** Data of the vendor that the next request gives back to it (Gemini's thought signature). */
  provider_metadata?: JsonObject;
};

/**
 * Reasoning of a model as a part of its message. `vendor` is the provider that wrote the part. Only
 * this vendor gets the part back, with its signatures in `provider_metadata` unchanged.
 */
export type ReasoningPart = {
  type: 'reasoning';
  vendor: string;
  text: string;
  provider_metadata?: JsonObject;
};

/**
 * A call of a tool that the vendor itself ran, as a part of the message. It goes back to this
 * vendor alone, with its result. `input` is the raw text of the model, usually JSON.
 */
export type ProviderToolCallPart = {
  type: 'provider_tool_call';
  vendor: string;
  id: string;
  name: string;
  input: string;
  provider_metadata?: JsonObject;
};

/** The result of a tool that the vendor itself ran, as a part of the message. */
export type ProviderToolResultPart = {
  type: 'provider_tool_result';
  vendor: string;
  /** The id of the call. */
  id: string;
  name: string;
  result: Json;
  is_error?: true;
  provider_metadata?: JsonObject;
};

/**
 * The place of a piece of the text among the parts of a message. The pieces follow each other, and
 * together they are `content`. Vendors attach signatures to a piece (Gemini).
 */
export type TextSpanPart = {
  type: 'text_span';
  vendor: string;
  /** The number of characters (UTF-16 code units). */
  length: number;
  provider_metadata?: JsonObject;
};

/** A source that a model cites, as a part of its message. */
export type CitationPart = {
  type: 'citation';
  url?: string;
  title?: string;
  provider_metadata?: JsonObject;
};

/**
 * The task of another agent (A2A) that wrote a message. The next message to the agent at this URL
 * joins the context of the task.
 */
export type RemoteTaskPart = {
  type: 'remote_task';
  url: string;
  task_id: string;
  context_id: string;
  /** The run whose next message goes to the task, since the task waits for input. */
  continued_by?: string;
};

/** A part of an answer besides its text and its calls. */
export type AnswerPart =
  | ReasoningPart
  | CitationPart
  | ProviderToolCallPart
  | ProviderToolResultPart
  | TextSpanPart
  | RemoteTaskPart;

/** A file of the database as a part of a message. */
export type ResourcePart = {
  type: 'resource';
  resource_id: string;
  /**
   * Set for audio that a tool returned, which only models that accept audio receive. Absent for an
   * image, or for any file that somebody attached.
   */
  media?: 'audio';
};

/**
 * A message of a conversation in OpenAI's chat format. `parts` holds what plain text cannot
 * (images, files), as OpenAI content parts.
 */
export type Message = {
  role: Role;
  content: string | null;
  parts?: JsonObject[] | null;
  tool_calls?: ToolCall[] | null;
  tool_call_id?: string | null;
};

/**
 * A message with its data from the log. A message that covers a range is a summary and replaces the
 * range.
 */
export type LoggedMessage = Message & {
  /**
   * The number of the message within the run, from 1. Messages that the worker adds itself continue
   * the numbers.
   */
  seq?: number;
  step_seq?: number | null;
  /**
   * The range of messages that a summary replaces. A range from 0 includes what was before the run.
   */
  covers_from_seq?: number | null;
  covers_to_seq?: number | null;
  /** The trust level, if it is lower than that of a person or a model. */
  trust?: Trust | null;
};
