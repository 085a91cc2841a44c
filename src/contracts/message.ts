import type { JsonObject } from './json.ts';

export type Role = 'system' | 'user' | 'assistant' | 'tool';

/** A call a model asks for. `arguments` is the raw JSON text the model wrote: it may be invalid. */
export type ToolCall = { id: string; name: string; arguments: string };

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
