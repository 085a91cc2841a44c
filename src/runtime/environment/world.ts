import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { Hooks } from '../../contracts/agents/hook.ts';
import type { McpOutcome } from '../../contracts/agents/mcp-host.ts';
import type { ModelProvider, ModelRef } from '../../contracts/agents/model.ts';
import type { Resource } from '../../contracts/agents/resource.ts';
import type { BuiltinTool } from '../../contracts/agents/tool.ts';
import type { QuerySettings } from '../../contracts/bounded-read.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { RunFiles } from '../../contracts/runs/run-files.ts';
import type { ReadSecret } from '../../contracts/secret.ts';
import type { Pool } from '../../db/connection/pool.ts';
import type { QueryPool } from '../../db/sql-tools/query-pool.ts';
import type { JsonObject } from '../../json/json.ts';
import type { CustomTools } from '../../tools/custom/custom.ts';
import type { McpPool } from '../../tools/mcp/pool.ts';

/** All that a run touches beside its own log; tests give their own. */
export type World = {
  /** With the key of the tenant's secret, where the model names one. */
  provider(model: ModelRef, tenantId: string): Outcome<ModelProvider>;
  customTools: CustomTools;
  /** Howdah's own tools that run in this process, by name. */
  builtins: ReadonlyMap<string, BuiltinTool>;
  /** The tools of MCP servers. */
  mcp: Pick<McpPool, 'call'>;
  /** Connections for tools written in SQL, each a transaction of its own. */
  sqlToolPool: Pool;
  /** Runs queries of workflows on the same connections as queries of models. */
  queries: Pick<QueryPool, 'rows'>;
  /** Reads the settings that the tenant's admins gave queries. */
  querySettings(tenantId: string): Promise<Outcome<QuerySettings>>;
  /** Hooks written in TypeScript; those of the database come with each run. */
  hooks: Hooks;
  /** Answers every call in place of its tool, as a replay does; workers have none. */
  standIn?: (
    tool: ToolDefinition,
    args: JsonObject,
    idempotency_key: string,
  ) => Promise<McpOutcome>;
  /** Then says of a call that was allowed whether it turned out to do something else than what was shown. */
  wasAskedAgain?: (callId: string) => boolean;
  /** A model of the tenant by its name, for tools of our own. */
  modelNamed(tenantId: string, name: string): Promise<Outcome<ModelRef>>;
  /** A secret of the tenant, for tools of our own. */
  readSecret: ReadSecret;
  /** The content of a resource of the tenant. */
  loadResource(tenantId: string, id: string): Promise<Outcome<Resource>>;
  /** The files of a run, for tools of our own. */
  filesOf(tenantId: string, executionId: string): RunFiles;
  random(): number;
  /** Resolves after the time, or at once when the signal fires. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
};

/** Waits; ends early, without a word, when the signal fires. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (ms <= 0 || signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
