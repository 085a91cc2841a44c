import { type Howdah, openHowdah } from './bootstrap.ts';
import { loadConfig } from './config.ts';
import type { CustomEngine } from './contracts/agents/engine.ts';
import type { Hooks } from './contracts/agents/hook.ts';
import type { CustomTool } from './contracts/agents/tool.ts';

export type { Howdah } from './bootstrap.ts';
export type { Call } from './client/call.ts';
export {
  type Conversation,
  connect,
  type HowdahClient,
  type OpenQuestion,
  type Runnable,
  type RunInput,
  type RunOptions,
  type RunResult,
  type SendOptions,
  type StreamOptions,
  type WaitOptions,
} from './client/connect.ts';
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
export type { Json, JsonObject, JsonSchema } from './json/json.ts';
export type { Divergence } from './runtime/replay/divergence.ts';
export { type Replay, type ReplayOptions, replayRun } from './runtime/replay/replay-run.ts';
export { defineTool, type ToolSpec } from './tools/custom/define-tool.ts';

/** Options of `start`. All other settings come from the environment, as on the command line. */
export type StartOptions = {
  /** Tools written in TypeScript: each becomes a row of howdah.tools with kind `custom`. */
  tools?: readonly CustomTool[];
  /** Agents written in TypeScript, for agents with `engine = 'custom'`: see docs/engines.md. */
  engines?: readonly CustomEngine[];
  /**
   * Hooks that are called at events of runs: see docs/hooks.md. All workers of the database must be
   * started with the same hooks.
   */
  hooks?: Hooks;
  /** The URL of the database. Undefined: DATABASE_URL, else the embedded Postgres. */
  databaseUrl?: string;
  api?: boolean;
  worker?: boolean;
};

/**
 * Starts Howdah in this process: database, API and worker. Throws `HowdahError` with a hint on
 * failure.
 */
export async function start(options: StartOptions = {}): Promise<Howdah> {
  const config = loadConfig(options.databaseUrl ? { DATABASE_URL: options.databaseUrl } : {});
  const { api = true, worker = true, tools = [], engines = [], hooks = {} } = options;
  return openHowdah(config, { api, worker }, (line) => process.stderr.write(`${line}\n`), {
    tools,
    engines,
    hooks,
  });
}
