import type { RunError } from './errors.ts';
import type { Json } from './json.ts';
import type { Message, ToolCall } from './message.ts';
import type { ModelRef } from './model.ts';
import type { LoggedStep, StopReason } from './step.ts';

/** What a run has been told and what it tried since: everything a strategy may look at. */
export type RunState = {
  /** Earlier turns of the session, empty when the agent does not use history. */
  readonly history: readonly Message[];
  /** The run's own conversation; the first message is the input. */
  readonly messages: readonly Message[];
  /** Failed attempts and guards after the last model answer. */
  readonly attempts: readonly Pick<LoggedStep, 'kind' | 'name' | 'input' | 'error'>[];
  /** A used-up limit that forbids another model call. */
  readonly exhausted: StopReason | null;
};

/** The next thing to do. A strategy decides it from definition and state alone, without any I/O. */
export type Action =
  | { type: 'call_model'; model: ModelRef; attempt: number }
  | { type: 'call_tools'; calls: ToolCall[] }
  | { type: 'repair'; message: string }
  | { type: 'finish'; output: string; output_data: Json }
  | { type: 'fail'; stop_reason: StopReason; error: RunError };
