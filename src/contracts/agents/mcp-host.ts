import type { Json, JsonObject, JsonSchema } from '../../json/json.ts';
import type { Outcome } from '../errors.ts';
import type { Message } from '../runs/message.ts';
import type { ModelAnswer, ModelRef } from './model.ts';
import type { ToolOutcome } from './tool.ts';

/** What a server asks a model, as far as it is passed on. */
export type Sampling = {
  server: string;
  model: ModelRef;
  messages: Message[];
  /** Of the answer, at most. */
  max_tokens: number;
  temperature?: number;
};

/** What a server asks people, in its words: by a form, or to open a page. */
export type Elicitation = {
  server: string;
  message: string;
  schema: JsonSchema;
  url?: string;
  /** It is a tool of a project that asks: `server` is its name. */
  isTool?: true;
  /** What a model is asked, as MCP has it: the answer of a model is wanted. */
  sampling?: JsonObject;
};

/** In the schema of a question: what a model is asked, where a model's answer is wanted. */
export const SAMPLING = 'x-sampling';

/** What people said to it. */
export type Elicited = { action: 'accept'; content: JsonObject } | { action: 'decline' | 'cancel' };

/** A question that has to be answered before the call can be made again. */
export type AskedBack = {
  /** The same for the same words and the same form. */
  elicitation: string;
  prompt: string;
  schema: JsonSchema;
  options: string[];
};

/** The end of a call, or what people have to be asked first. */
export type McpOutcome = ToolOutcome | { asks: AskedBack };

/** What an MCP server may want of the run whose call it serves. */
export type McpHost = {
  /** An answer of a model, paid by the run and logged before it is given. */
  sample(sampling: Sampling, signal: AbortSignal): Promise<Outcome<ModelAnswer>>;
  /** What was answered, or the question that is to be asked. */
  elicit(elicitation: Elicitation): Elicited | AskedBack;
  /** Something it asked for was refused: the log says so. */
  refused(name: string, output: Json): Promise<void>;
};
