import type { Json, JsonObject } from '../../json/json.ts';
import { enumLabels } from '../enum-labels.generated.ts';
import type { RunError } from '../errors.ts';
import type { Role, ToolCall } from '../runs/message.ts';
import type { RunContext } from '../runs/run-context.ts';
import type { StopReason } from '../runs/step.ts';
import type { ToolEffect, ToolKind } from './definition.ts';
import type { FinishReason } from './model.ts';

/**
 * The events for which hooks are called. The list is the same in SQL (`howdah.hook_event`) and
 * TypeScript.
 */
export const HOOK_EVENTS = enumLabels.hook_event;
export type HookEventName = (typeof HOOK_EVENTS)[number];

/** The fields of every event: its name and its run. */
type EventBase<E extends HookEventName> = RunContext & {
  event: E;
  /** The agent's name, null in the run of a workflow. */
  agent: string | null;
  /** The workflow's name, null in the run of an agent. */
  workflow: string | null;
};

/** The event before a run starts: no model has been called yet. */
export type BeforeRun = EventBase<'before_run'> & { input: string | null };

/**
 * The event right after `before_run`, with the instruction, the models and the tools of the run.
 */
export type AfterSetup = EventBase<'after_setup'> & {
  instruction: string;
  models: { name: string; provider: string; model: string }[];
  tools: { name: string; kind: ToolKind; effect: ToolEffect; requires_approval: boolean }[];
};

/**
 * The event of a step that adds a message: an answer of the model, the result of a tool, or the
 * message of a guard.
 */
export type MessageSent = EventBase<'message_sent'> & {
  role: Role;
  content: string | null;
  tool_calls: ToolCall[];
  tool_call_id: string | null;
};

/** The event before a tool is called. The arguments satisfy the schema of the tool. */
export type ToolBefore = EventBase<'tool_before'> & {
  tool: string;
  call_id: string;
  arguments: JsonObject;
};

/** The event after the step of a call is committed, with the result of the tool or its error. */
export type ToolAfter = EventBase<'tool_after'> & {
  tool: string;
  call_id: string;
  arguments: Json;
  result: Json;
  error: RunError | null;
};

/** The event at the end of a run. */
export type ExecutionComplete = EventBase<'execution_complete'> & {
  status: 'completed' | 'failed' | 'cancelled';
  stop_reason: StopReason;
  /** How the last model answer ended. Null if it is only in the log. */
  finish_reason: FinishReason | null;
  output: string | null;
  output_data: Json;
  error: RunError | null;
};

export type HookEvents = {
  before_run: BeforeRun;
  after_setup: AfterSetup;
  message_sent: MessageSent;
  tool_before: ToolBefore;
  tool_after: ToolAfter;
  execution_complete: ExecutionComplete;
};
export type HookEvent = HookEvents[HookEventName];

/** The reply of a hook. Without a reply the run continues. */
export type HookReply = {
  /**
   * Annotations for `steps.annotations`, or for `executions.metrics.annotations` if the event is
   * `execution_complete`.
   */
  annotate?: JsonObject;
};
/**
 * A reply to `tool_before`. `arguments` replaces the arguments of the call, and must satisfy the
 * schema of the tool.
 */
export type ToolBeforeReply = HookReply & { arguments?: JsonObject };

type Answer<Reply> = Reply | null | undefined;
type Hook<Event, Reply> = (event: Event) => Answer<Reply> | Promise<Answer<Reply>>;

/**
 * The hooks of this process, called for every run that its worker owns. To reject, a hook throws a
 * `HowdahError` with the code `HWDEN`. Any other error, an invalid reply, or five seconds without a
 * reply fails the run.
 *
 * `before_run`, `after_setup`, `message_sent` and `tool_before` are called before their event is
 * committed, and again when the event has to be retried. `tool_after` and `execution_complete` are
 * called after the commit. They cannot reject anything, and their annotations are dropped. A
 * `tool_after` that throws fails the run.
 */
export type Hooks = {
  before_run?: Hook<BeforeRun, HookReply>;
  after_setup?: Hook<AfterSetup, HookReply>;
  message_sent?: Hook<MessageSent, HookReply>;
  tool_before?: Hook<ToolBefore, ToolBeforeReply>;
  tool_after?: Hook<ToolAfter, void>;
  execution_complete?: Hook<ExecutionComplete, void>;
};

/** A hook of the database, as a claim returns it. */
export type HookRow = {
  event: HookEventName;
  /** The name of the function with its schema, quoted for SQL. */
  function: string;
  timeout_ms: number;
};
