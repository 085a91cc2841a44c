import type { Json, JsonObject } from '../../json/json.ts';
import type { Message } from '../runs/message.ts';
import type { EngineRun } from '../runs/run-context.ts';
import type { Usage } from './usage.ts';

/**
 * The prefix of an engine's provider in a definition. The provider is `engine:` and the name of the
 * engine.
 */
export const ENGINE_PREFIX = 'engine:';

/** The provider of remote agents that speak A2A. They may ask people questions. */
export const A2A_PROVIDER = `${ENGINE_PREFIX}a2a`;

/** The provider of agents that consist of one tool, which is called without a model. */
export const TOOL_PROVIDER = `${ENGINE_PREFIX}tool`;

/** A request to an engine written in TypeScript. */
export type EngineRequest = {
  /** The input of the run. */
  input: string;
  /** The whole conversation: instruction, earlier turns, the run so far. */
  messages: Message[];
  /** The request parameters of `agents.engine_configuration`. */
  request_params: JsonObject;
};

export type EngineContext = EngineRun & {
  /** Fires on cancel and drain, and when the run's time is over. */
  signal: AbortSignal;
  /** Streams a piece of the answer to subscribers. Only the returned answer counts. */
  onToken(text: string): void;
};

/** An answer as text or as JSON. Its usage counts against the budgets of the run. */
export type EngineAnswer = string | { output: Json; usage?: Partial<Usage> };

/**
 * An agent written in TypeScript and registered in code: `agents.engine = 'custom'` with
 * `engine_configuration {"function": name}`. A thrown error fails the run. An error with
 * `retryable: true` is retried like that of a custom tool.
 */
export type CustomEngine = {
  name: string;
  answer(request: EngineRequest, context: EngineContext): Promise<EngineAnswer> | EngineAnswer;
};
