import type { Outcome } from './errors.ts';
import type { Json, JsonObject, JsonSchema } from './json.ts';
import type { RunContext } from './step.ts';

/** What a tool may know of the call it serves. */
export type ToolContext = RunContext & {
  /** Stays the same over every retry of this call: `execution:seq:call`. */
  idempotency_key: string;
  /** Fires on cancel, drain and the tool's time-out. */
  signal: AbortSignal;
};

/**
 * A tool written in TypeScript and registered in code (`kind = 'custom'`). Arguments arrive already
 * checked against `parameters`. A thrown error becomes `tool_failed` for the model.
 */
export type CustomTool = {
  name: string;
  description: string;
  parameters: JsonSchema;
  effect?: 'pure' | 'idempotent' | 'once';
  run(args: JsonObject, context: ToolContext): Promise<Json> | Json;
};

export type ToolOutcome = Outcome<Json>;

/**
 * A tool of Howdah's own that needs no database: as a custom tool, but it is given its row's configuration, and its
 * failures are outcomes. Its name, description and parameters stand in SQL (`howdah_private.builtin_tools`).
 */
export type BuiltinTool = {
  name: string;
  run(args: JsonObject, context: ToolContext, configuration: JsonObject): Promise<ToolOutcome>;
};
