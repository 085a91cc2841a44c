export type { CallerNames as Caller } from './api/login/process-logins.ts';
export type { Handler, MountOptions } from './api/mount/handler.ts';
export type { CallOperation as Call } from './client/call.ts';
export {
  type Conversation,
  connect,
  type HowdahClient,
  type OpenQuestion,
  type RunInput,
  type Runnable,
  type RunOptions,
  type RunResult,
  type SendOptions,
  type StreamOptions,
  type WaitOptions,
} from './client/connect.ts';
export type {
  ExecutionsFeedEvent,
  ExecutionsFeedOptions,
  QuestionsFeedEvent,
  QuestionsFeedOptions,
  WatchedRowsFeedEvent,
  WatchedRowsFeedOptions,
} from './client/follow-list.ts';
export type { LogOptions } from './client/follow-log.ts';
export type { ConnectOptions, HttpClient } from './client/http-client.ts';
export type { LoggedStep, Operations } from './client/operations.generated.ts';
export type { SessionTurn } from './client/send-message.ts';
export type { AgentDefinition } from './contracts/agents/definition.ts';
export type {
  CustomEngine,
  EngineAnswer,
  EngineContext,
  EngineRequest,
} from './contracts/agents/engine.ts';
export type {
  AfterSetup,
  BeforeRun,
  ExecutionComplete,
  HookEvent,
  HookEventName,
  HookEvents,
  HookReply,
  Hooks,
  MessageSent,
  ToolAfter,
  ToolBefore,
  ToolBeforeReply,
} from './contracts/agents/hook.ts';
export type { CustomTool, ToolContext } from './contracts/agents/tool.ts';
export { HowdahError, type RunError } from './contracts/errors.ts';
export type { ExportedRun } from './contracts/runs/exported-run.ts';
export type { StreamEvent } from './contracts/runs/stream-event.ts';
export { ExactNumber } from './json/exact-number.ts';
export type { Json, JsonObject, JsonSchema } from './json/json.ts';
export type { Divergence } from './runtime/replay/divergence.ts';
export { type Replay, type ReplayOptions, replayRun } from './runtime/replay/replay-run.ts';
export { type Howdah, start } from './start.ts';
export type { StartOptions } from './start-options.ts';
export type { Logger } from './telemetry/logger-sink.ts';
export { defineTool, type ToolSpec } from './tools/custom/define-tool.ts';
