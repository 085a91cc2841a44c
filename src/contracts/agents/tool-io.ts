import type { Json, JsonObject, JsonSchema } from '../../json/json.ts';
import type { FinishReason } from './model.ts';

/** The levels of log messages, as MCP defines them. */
export const LOG_LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The progress of a tool, as the tool reports it. */
export type ProgressReport = {
  /** The current activity of the tool. */
  message?: string;
  /** From 0 to 100. */
  percent?: number;
  /** Anything else, of up to 1,000 characters as JSON. */
  data?: Json;
};

/** The progress of a tool as subscribers get it. `progress` and `total` are those of MCP. */
export type Progress = ProgressReport & { progress: number; total?: number };

/**
 * A message of a tool while it works. It goes to the current subscribers of the run, and is not
 * stored. The step of the call keeps the last progress.
 */
export type ToolNote = { execution_id: string; call_id: string; tool: string } & (
  | { type: 'log'; level: LogLevel; data: Json }
  | ({ type: 'progress' } & Progress)
);

/** The answer of people to a tool or to the MCP server of a tool. */
export type ElicitationAnswer =
  | { action: 'accept'; content: JsonObject }
  | { action: 'decline' | 'cancel' };

/** A request of a tool to a model. */
export type SampleRequest = {
  messages: { role: 'user' | 'assistant'; content: string }[];
  system?: string;
  /** Most tokens of the answer; 1000 by default. */
  max_tokens?: number;
  temperature?: number;
};

/** The means by which a tool written in TypeScript communicates while it works. */
export type ToolIo = {
  /**
   * Sends a log message to the subscribers of the run, such as the MCP client that called the tool.
   * Never fails.
   */
  log(level: LogLevel, data: Json): void;
  /**
   * Reports the progress of the tool: `progress({ message: 'page 3', percent: 30 })`, or as MCP
   * does, `progress(3, 10, 'page 3')`. Subscribers of the run get at most ten reports in a second,
   * the newest ones. The step of the call keeps the last report. Never fails.
   */
  progress(report: ProgressReport): void;
  progress(progress: number, total?: number, message?: string): void;
  /**
   * Asks a person to fill in a form, which is a JSON Schema of an object. While there is no answer,
   * the run waits as a row, so the call ends here. Once there is an answer, the call is made again
   * from its beginning, and `elicit` returns the answer. Ask before any action that must not be
   * done twice.
   */
  elicit(message: string, schema?: JsonSchema): Promise<ElicitationAnswer>;
  /**
   * Asks the model that the tool's `configuration.sampling_model` names; the run pays for the
   * answer. If the configuration names none, the model of the client that called the tool is asked,
   * as a person is by `elicit`. The call is then made again with the answer. A `finish_reason` of
   * `length` says that the token limit cut the answer off.
   */
  sample(request: SampleRequest): Promise<SampleAnswer>;
};

/** The answer of a model to a tool. */
export type SampleAnswer = { content: string; model: string; finish_reason: FinishReason };
