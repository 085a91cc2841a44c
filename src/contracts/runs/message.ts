import type { JsonObject } from '../../json/json.ts';
import type { Trust } from './trust.ts';

export type Role = 'system' | 'user' | 'assistant' | 'tool';

/** A call a model asks for. `arguments` is the raw JSON text the model wrote: it may be invalid. */
export type ToolCall = { id: string; name: string; arguments: string };

/** A file of the database as a part of a message. */
export type ResourcePart = {
  type: 'resource';
  resource_id: string;
  /** A sound that a tool brought: for models that hear. Without it an image, or any file that somebody gave. */
  media?: 'audio';
};

/**
 * One message of a conversation, in the words of OpenAI's chat format.
 * `parts` holds what plain text cannot (images, files), as OpenAI content parts.
 */
export type Message = {
  role: Role;
  content: string | null;
  parts?: JsonObject[] | null;
  tool_calls?: ToolCall[] | null;
  tool_call_id?: string | null;
};

/** A message with what the log knows of it; one that covers a range is a summary and stands for it. */
export type LoggedMessage = Message & {
  /** 1, 2, 3 … within the run; what the worker adds itself counts on. */
  seq?: number;
  step_seq?: number | null;
  /** Of a summary: the messages it stands for; from 0 means what was before the run as well. */
  covers_from_seq?: number | null;
  covers_to_seq?: number | null;
  /** Where it is lower than a person's or a model's. */
  trust?: Trust | null;
};
