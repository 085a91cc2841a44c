import type { Json, JsonObject, JsonSchema } from '../../json/json.ts';

/** How grave a log message is, as MCP has it. */
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

/** Something a tool tells while it works. It goes to whoever follows the run now, and is kept nowhere. */
export type ToolNote = { execution_id: string; call_id: string; tool: string } & (
  | { type: 'log'; level: LogLevel; data: Json }
  | { type: 'progress'; progress: number; total?: number; message?: string }
);

/** What people said to a tool. */
export type Said = { action: 'accept'; content: JsonObject } | { action: 'decline' | 'cancel' };

/** What a tool asks of a model. */
export type SampleRequest = {
  messages: { role: 'user' | 'assistant'; content: string }[];
  system?: string;
  /** Of the answer, at most; 1000 where nothing is said. */
  max_tokens?: number;
  temperature?: number;
};

/** How a tool written in TypeScript speaks, while it works, with those who wait for it. */
export type ToolIo = {
  /** Tells whoever follows the run, such as the MCP client that called the tool. Never fails. */
  log(level: LogLevel, data: Json): void;
  /** How far it got. Never fails. */
  progress(progress: number, total?: number, message?: string): void;
  /**
   * Asks a person, by the fields of a form: a JSON Schema of an object. Until there is an answer the run waits as a row, so the
   * call ends here, and is made again from its beginning once there is one; then this gives it. Ask before doing what must not be
   * done twice.
   */
  elicit(message: string, schema?: JsonSchema): Promise<Said>;
  /**
   * Asks a model: the one that the tool's `configuration.sampling_model` names, paid by the run. Without one the model of the
   * client that called the tool is asked as a person is by `elicit`, and the call is made again with its answer.
   */
  sample(request: SampleRequest): Promise<{ content: string; model: string }>;
};
