import type { Json, JsonObject, JsonSchema } from '../../json/json.ts';
import type { Outcome } from '../errors.ts';
import type { Message } from '../runs/message.ts';
import type { ModelAnswer, ModelRef } from './model.ts';
import type { ToolOutcome } from './tool.ts';
import type { ElicitationAnswer } from './tool-io.ts';

/** The part of a server's sampling request that is passed on to a model. */
export type Sampling = {
  server: string;
  model: ModelRef;
  messages: Message[];
  /** Most tokens of the answer. */
  max_tokens: number;
  temperature?: number;
};

/**
 * A question of a server to people, in the server's words. People fill in a form or open a page.
 */
export type Elicitation = {
  server: string;
  message: string;
  schema: JsonSchema;
  url?: string;
  /** Set if a tool of a project asks, not a server. `server` is then the name of the tool. */
  isTool?: true;
  /** The sampling request as MCP defines it, if the answer of a model is wanted. */
  sampling?: JsonObject;
};

/**
 * The field in the schema of a question that contains the sampling request, if the answer of a
 * model is wanted.
 */
export const SAMPLING = 'x-sampling';

/**
 * The field in the schema of a question that contains the id of the account to connect. The
 * database answers such a question when the account is connected.
 */
export const CONNECTED_ACCOUNT = 'x-connected-account';

/** A question that has to be answered before the call can be made again. */
export type PendingElicitation = {
  /** A key that is the same for the same words and the same form. */
  elicitation: string;
  prompt: string;
  schema: JsonSchema;
  options: string[];
};

/** The outcome of a call, or a question that people have to answer first. */
export type CallOutcome = ToolOutcome | { asks: PendingElicitation };

/** The services that a run offers to the tool of a call, or to its MCP server. */
export type CallHost = {
  /**
   * Returns the answer of a model. The run pays for the answer and logs it before it is returned.
   */
  sample(sampling: Sampling, signal: AbortSignal): Promise<Outcome<ModelAnswer>>;
  /** Returns the answer, or the question that has to be asked. */
  elicit(elicitation: Elicitation): ElicitationAnswer | PendingElicitation;
  /** Reports the progress of the call, as the server tells it. */
  progress?(progress: number, total?: number, message?: string): void;
  /** Logs a rejected request of the server. */
  recordRejection(name: string, output: Json): Promise<void>;
};
