import type { Json, JsonObject, JsonSchema } from '../../json/json.ts';
import type { Outcome, RunError } from '../errors.ts';
import type { Message, ResourcePart } from '../runs/message.ts';
import type { RunFiles } from '../runs/run-files.ts';
import type { RunContext } from '../runs/step.ts';
import type { Trust } from '../runs/trust.ts';
import type { ModelAnswer } from './model.ts';
import type { ToolIo } from './tool-io.ts';

/** What a tool may know of the call it serves. */
export type ToolContext = RunContext & {
  /** Stays the same over every retry of this call: `execution:seq:call`. */
  idempotency_key: string;
  /** Fires on cancel, drain and the tool's time-out. */
  signal: AbortSignal;
  /** Where the run is traced: the header of this name, for requests the tool makes (W3C Trace Context). */
  traceparent?: string;
};

/** The same for a tool written in TypeScript, which may speak while it works. */
export type CustomContext = ToolContext & ToolIo;

/**
 * A tool written in TypeScript and registered in code (`kind = 'custom'`). Arguments arrive already
 * checked against `parameters`. A thrown error becomes `tool_failed` for the model, one with the `code` `invalid_arguments`
 * that. An error with `retryable: true` is worth another attempt: the call is made up to four times before the model hears of
 * it, under the same idempotency key. Such an error may have a `code` (`rate_limited`, `overloaded`, `unreachable`, `timeout`:
 * two attempts, else `tool_failed`) and `retry_after_ms`, before which there is no other attempt:
 *
 *     throw Object.assign(new Error('slow down'), { retryable: true, code: 'rate_limited', retry_after_ms: 1500 });
 *
 * A tool whose effect is `once` is never called again after `unreachable` or `timeout`: a person is asked.
 */
export type CustomTool = {
  name: string;
  description: string;
  parameters: JsonSchema;
  effect?: 'pure' | 'idempotent' | 'once';
  run(args: JsonObject, context: CustomContext): Promise<Json> | Json;
};

/**
 * `text` is what the model is told instead of the value, which the log keeps; `trust` how far a tool knows its result is trusted; `parts` what a
 * model that can see is shown besides, as the resources they are kept as.
 */
export type ToolOutcome = (
  | { ok: true; value: Json; text?: string }
  | { ok: false; error: RunError }
) & { trust?: Trust; parts?: ResourcePart[] };

/** What a tool of our own may ask for beside: secrets of the run's tenant and files of the run, which no tool of others is given. */
export type BuiltinContext = ToolContext & {
  readSecret(name: string): Promise<Outcome<string>>;
  files: RunFiles;
  /** Has another model of the run's tenant read something: without tools, paid by the run, in its log. */
  secondModel(reading: Reading): Promise<Outcome<ModelAnswer>>;
};

/** What another model is asked: `model` is its name, `input` what the log tells. */
export type Reading = {
  model: string;
  request_params: JsonObject;
  messages: Message[];
  output_schema: JsonSchema;
  input: JsonObject;
};

/**
 * A tool of Howdah's own that is run in the worker's process: as a custom tool, but it is given its row's configuration, and its
 * failures are outcomes. Its name, description and parameters stand in SQL (`howdah_private.builtin_tools`).
 */
export type BuiltinTool = {
  name: string;
  run(args: JsonObject, context: BuiltinContext, configuration: JsonObject): Promise<ToolOutcome>;
};
