import type { ToolDefinition } from '../contracts/definition.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { StepRecord, Transition } from '../contracts/step.ts';
import type { ToolContext, ToolOutcome } from '../contracts/tool.ts';
import { type BuiltinOutcome, callBuiltinInCommit, isDatabaseBuiltin } from '../db/builtin-call.ts';
import type { PoolClient } from '../db/pool.ts';
import { callInCommit, type SqlFunction, type SqlToolCall } from '../db/sql-tool.ts';
import { runCustomTool } from '../tools/custom.ts';
import { deadline } from './deadline.ts';
import type { HeldRun } from './held-run.ts';
import type { RunHooks } from './hooks/run-hooks.ts';
import type { OwnCommit } from './own-commit.ts';
import type { World } from './world.ts';

/** Tools that are functions of the database run in the transaction that commits their step. */
export function isCommittedWithItsCall(tool: ToolDefinition): boolean {
  return tool.kind === 'sql' || (tool.kind === 'builtin' && isDatabaseBuiltin(tool.name));
}

/** A call may take its tool's time-out, but no longer than the run has left. */
function timeOut(tool: ToolDefinition, run: HeldRun): number {
  return Math.min(tool.timeout_ms, run.timeLeft);
}

/** Runs a tool of this process. Its outcome is data; nothing is committed here. */
export async function runTool(
  tool: ToolDefinition,
  args: JsonObject,
  idempotency_key: string,
  run: HeldRun,
  world: World,
): Promise<ToolOutcome> {
  if (world.standIn) {
    return world.standIn(tool, args, idempotency_key);
  }
  const time = deadline(run.abort.signal, timeOut(tool, run));
  const context: ToolContext = { ...run.context, idempotency_key, signal: time.signal };
  // what has returned hears nothing of the end of its run
  return callTool(tool, args, context, run, world).finally(() => time.clear());
}

async function callTool(
  tool: ToolDefinition,
  args: JsonObject,
  context: ToolContext,
  run: HeldRun,
  world: World,
): Promise<ToolOutcome> {
  const builtin = tool.kind === 'builtin' ? world.builtins.get(tool.name) : undefined;
  if (builtin) {
    const readSecret = (name: string) => world.readSecret(context.tenant_id, name);
    return builtin.run(args, { ...context, readSecret }, tool.configuration);
  }
  if (tool.kind === 'mcp') {
    return world.mcp.call(tool, args, context);
  }
  const custom = tool.kind === 'custom' ? world.customTools.get(tool.name) : undefined;
  if (!custom) {
    return notHere(tool);
  }
  await run.beginRisk();
  return runCustomTool(custom, args, context);
}

function notHere(tool: ToolDefinition): ToolOutcome {
  const message = `the ${tool.kind} tool ${tool.name} is not registered in this worker: every worker has to be started with it`;
  return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
}

/**
 * The call and the commit of its step are one transaction; see `callInCommit`. `begun` is the beginning of the call as
 * hooks left it: it is in no log, since it commits with its end. Gives how long the call has to wait for its end, in
 * milliseconds, and 0 when it has ended.
 */
export async function runInCommit(
  tool: ToolDefinition,
  run: HeldRun,
  world: World,
  intent: StepRecord,
  record: (outcome: ToolOutcome, begun: StepRecord) => StepRecord[],
): Promise<number> {
  let begun = intent;
  let waits_ms = 0;
  if (world.standIn) {
    const key = intent.idempotency_key ?? '';
    const outcome = await world.standIn(tool, intent.input as JsonObject, key);
    await run.commit(record(outcome, intent));
    return 0;
  }
  let own: OwnCommit | undefined;
  let failure: unknown;
  const begin = async () => {
    own ??= await run.beginCommit();
  };
  const write = async (client: PoolClient, steps: StepRecord[], to?: Transition) => {
    await begin();
    await (own as OwnCommit).write(client, steps, to);
  };
  const ask = async (client: PoolClient) => {
    const { steps, to } = await (run.hooks as RunHooks).askBefore(client, intent);
    begun = steps[0] ?? intent;
    return begun.kind === intent.kind ? argsOf(begun) : void (await write(client, steps, to));
  };
  const commit = (client: PoolClient, outcome: BuiltinOutcome) => {
    waits_ms = 'ok' in outcome ? 0 : outcome.waits_ms;
    return write(client, 'ok' in outcome ? record(outcome, begun) : []);
  };
  const before = run.hooks && ask;
  const call = {
    name: tool.name,
    execution_id: run.id,
    call_id: intent.call_id ?? '',
    args: argsOf(intent),
    configuration: tool.configuration,
  };
  try {
    await (run.hooks?.lockRows ? begin() : undefined);
    await (tool.kind === 'sql'
      ? callInCommit(world.sqlToolPool, sqlCall(tool, argsOf(intent), run), commit, before)
      : callBuiltinInCommit(world.sqlToolPool, call, begin, commit, before));
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    own?.end(failure);
  }
  return waits_ms;
}

function argsOf(begun: StepRecord): JsonObject {
  return begun.input as JsonObject;
}

function sqlCall(tool: ToolDefinition, args: JsonObject, run: HeldRun): SqlToolCall {
  const fn = tool.configuration as unknown as SqlFunction;
  const boundTo = { tenantId: run.context.tenant_id, executionId: run.id };
  return { boundTo, fn, args, timeoutMs: timeOut(tool, run), signal: run.abort.signal };
}
