import type { CallOutcome } from '../../contracts/agents/call-host.ts';
import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { Hooks } from '../../contracts/agents/hook.ts';
import type { AnswerCache, ModelProvider, ModelRef } from '../../contracts/agents/model.ts';
import type { Resource } from '../../contracts/agents/resource.ts';
import type { BuiltinTool, ToolAnswerCache } from '../../contracts/agents/tool.ts';
import type { QuerySettings } from '../../contracts/bounded-read.ts';
import type { AccessTokens } from '../../contracts/connected-account.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { RunFiles } from '../../contracts/runs/run-files.ts';
import type { ReadSecret } from '../../contracts/secret.ts';
import type { Pool } from '../../db/connection/pool.ts';
import type { QueryPool } from '../../db/sql-tools/query-pool.ts';
import type { JsonObject } from '../../json/json.ts';
import type { CustomTools } from '../../tools/custom/custom-tools.ts';
import type { McpClient } from '../../tools/mcp/mcp-client.ts';

/**
 * Everything that a run uses besides its own log. A variable of this type is named `world`. Tests
 * and replays provide their own.
 */
export type RuntimeDependencies = {
  /**
   * Returns the provider of a model, with the key of the tenant's secret if the model names one.
   */
  provider(model: ModelRef, tenantId: string): Outcome<ModelProvider>;
  /** The answers to earlier requests. Absent in replays, whose answers are recorded. */
  answerCache?: AnswerCache;
  /** The answers to earlier calls of tools. Absent in replays. */
  toolAnswerCache?: ToolAnswerCache;
  customTools: CustomTools;
  /** The built-in tools that run in this process, by name. */
  builtins: ReadonlyMap<string, BuiltinTool>;
  /** The tools of MCP servers. */
  mcp: Pick<McpClient, 'call'>;
  /** Connections for tools written in SQL, each a transaction of its own. */
  sqlToolPool: Pool;
  /** Runs queries of workflows on the same connections as queries of models. */
  queries: Pick<QueryPool, 'rows'>;
  /** Reads the settings that the tenant's admins gave queries. */
  querySettings(tenantId: string): Promise<Outcome<QuerySettings>>;
  /** Hooks written in TypeScript; those of the database come with each run. */
  hooks: Hooks;
  /** Recorded calls, which take the place of tools in a replay. Absent in workers. */
  recordedCalls?: RecordedCalls;
  /** Finds a model of the tenant by its name, for built-in tools. */
  modelNamed(tenantId: string, name: string): Promise<Outcome<ModelRef>>;
  /** Reads a secret of the tenant, for built-in tools. */
  readSecret: ReadSecret;
  /** The OAuth tokens of the accounts of runs. */
  accounts: Pick<AccessTokens, 'forRun'>;
  /** Loads the content of a resource of the tenant. */
  loadResource(tenantId: string, id: string): Promise<Outcome<Resource>>;
  /** Returns the files of a run, for built-in tools and engines. */
  filesOf(tenantId: string, executionId: string): RunFiles;
  /**
   * Decrypts contents of runs in a value that belongs to this run: its own, those that it was
   * forked from and, with `turns`, those of the turns of its session. Contents that cannot be
   * decrypted stay as they are.
   */
  decryptFor<T>(executionId: string, value: T, which?: { turns: boolean }): Promise<T>;
  /** Returns whether a run is completed, failed or cancelled. */
  hasRunEnded(executionId: string): Promise<boolean>;
  random(): number;
  /** Resolves after the time, or at once when the signal fires. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
};

/** The calls of a recorded run. */
export type RecordedCalls = {
  /** Returns the recorded outcome of a call. */
  outcomeOf(tool: ToolDefinition, args: JsonObject, idempotency_key: string): Promise<CallOutcome>;
  /**
   * Returns whether people were asked about an approved call again, because it turned out to do
   * something else than what was shown.
   */
  isApprovalRepeated(callId: string): boolean;
  /** Returns the milliseconds since the first failure of models, as the next step records them. */
  elapsedMs(): number | undefined;
};

/** Waits for some time. Resolves early when the signal fires. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (ms <= 0 || signal.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish, { once: true });
  });
}
