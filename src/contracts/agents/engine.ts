import type { Json, JsonObject } from '../../json/json.ts';
import type { Message } from '../runs/message.ts';
import type { RunContext } from '../runs/step.ts';
import type { Usage } from './model.ts';

/** What the provider of an engine is called in a definition: `engine:` and the name of the engine. */
export const ENGINE_PREFIX = 'engine:';

/** The provider of agents that are one tool, which is called without a model. */
export const TOOL_PROVIDER = `${ENGINE_PREFIX}tool`;

/** The run that asks an engine for an answer. */
export type EngineRun = RunContext & {
  /** What the run was told to do. */
  input: string;
  /** Stays the same over every attempt to get this answer, also after a crash: `execution:place of the answer`. */
  idempotency_key: string;
};

/** What an engine written in TypeScript is told. */
export type EngineRequest = {
  /** What the run was told to do. */
  input: string;
  /** The whole conversation: instruction, earlier turns, the run so far. */
  messages: Message[];
  /** Of `agents.engine_configuration`. */
  request_params: JsonObject;
};

export type EngineContext = EngineRun & {
  /** Fires on cancel and drain, and when the run's time is over. */
  signal: AbortSignal;
  /** Shows a piece of the answer to whoever watches; what counts is what is given back. */
  onToken(text: string): void;
};

/** An answer: its text, or JSON; what it used is counted against the budgets of the run. */
export type EngineAnswer = string | { output: Json; usage?: Partial<Usage> };

/**
 * An agent written in TypeScript and registered in code: `agents.engine = 'custom'` with
 * `engine_configuration {"function": name}`. A thrown error fails the run; one with `retryable: true` is tried again as that of
 * a custom tool is.
 */
export type CustomEngine = {
  name: string;
  answer(request: EngineRequest, context: EngineContext): Promise<EngineAnswer> | EngineAnswer;
};
