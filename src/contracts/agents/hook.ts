import type { Json, JsonObject } from '../../json/json.ts';
import type { RunError } from '../errors.ts';
import type { Role, ToolCall } from '../runs/message.ts';
import type { RunContext, StopReason } from '../runs/step.ts';
import type { ToolEffect, ToolKind } from './definition.ts';

/** When hooks are called, the same in SQL (`howdah.hook_event`) and TypeScript. */
export const HOOK_EVENTS = [
  'before_run',
  'after_setup',
  'message_sent',
  'tool_before',
  'tool_after',
  'execution_complete',
] as const;
export type HookEventName = (typeof HOOK_EVENTS)[number];

/** What every event tells: its name, and whose run it is. */
type Told<E extends HookEventName> = RunContext & {
  event: E;
  /** The agent's name, null in the run of a workflow. */
  agent: string | null;
  /** The workflow's name, null in the run of an agent. */
  workflow: string | null;
};

/** A run is about to begin: nothing has been asked of a model yet. */
export type BeforeRun = Told<'before_run'> & { input: string | null };

/** Right after `before_run`: what the run will work with. */
export type AfterSetup = Told<'after_setup'> & {
  instruction: string;
  models: { name: string; provider: string; model: string }[];
  tools: { name: string; kind: ToolKind; effect: ToolEffect; requires_approval: boolean }[];
};

/** A step adds a message: an answer of the model, the result of a tool, the word of a guard. */
export type MessageSent = Told<'message_sent'> & {
  role: Role;
  content: string | null;
  tool_calls: ToolCall[];
  tool_call_id: string | null;
};

/** A tool is about to be called; the arguments satisfy its schema. */
export type ToolBefore = Told<'tool_before'> & {
  tool: string;
  call_id: string;
  arguments: JsonObject;
};

/** The step of a call is committed: what the tool gave, or why it gave nothing. */
export type ToolAfter = Told<'tool_after'> & {
  tool: string;
  call_id: string;
  arguments: Json;
  result: Json;
  error: RunError | null;
};

/** The run ends. */
export type ExecutionComplete = Told<'execution_complete'> & {
  status: 'completed' | 'failed' | 'cancelled';
  stop_reason: StopReason;
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

/** What a hook may answer; nothing means: go on. */
export type HookReply = {
  /** Goes into `steps.annotations`; of `execution_complete` into `executions.metrics.annotations`. */
  annotate?: JsonObject;
};
/** `arguments` replaces those of the call; they must satisfy the tool's schema. */
export type ToolBeforeReply = HookReply & { arguments?: JsonObject };

type Answer<Reply> = Reply | null | undefined | undefined;
type Hook<Event, Reply> = (event: Event) => Answer<Reply> | Promise<Answer<Reply>>;

/**
 * Hooks of this process, called for every run its worker holds. Throw a `HowdahError` with the code `HWDEN` to refuse;
 * anything else that is thrown, an answer that is none, or five seconds without one fail the run.
 *
 * `before_run`, `after_setup`, `message_sent` and `tool_before` are called before what they tell is committed, and once
 * more when it has to be tried again. `tool_after` and `execution_complete` are called when it has been committed: they
 * can refuse nothing, and what they annotate is dropped; a `tool_after` that throws fails the run.
 */
export type Hooks = {
  before_run?: Hook<BeforeRun, HookReply>;
  after_setup?: Hook<AfterSetup, HookReply>;
  message_sent?: Hook<MessageSent, HookReply>;
  tool_before?: Hook<ToolBefore, ToolBeforeReply>;
  tool_after?: Hook<ToolAfter, void>;
  execution_complete?: Hook<ExecutionComplete, void>;
};

/** A hook of the database, as a claim gives it. */
export type HookRow = {
  event: HookEventName;
  /** With its schema, quoted as SQL needs it. */
  function: string;
  timeout_ms: number;
};
