import type { ToolDefinition } from '../contracts/definition.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { StepRecord } from '../contracts/step.ts';
import type { ToolContext, ToolOutcome } from '../contracts/tool.ts';
import { callBuiltinInCommit, isDatabaseBuiltin } from '../db/builtin-call.ts';
import type { PoolClient } from '../db/pool.ts';
import { callInCommit, type SqlFunction } from '../db/sql-tool.ts';
import { runCustomTool } from '../tools/custom.ts';
import type { HeldRun, OwnCommit } from './held-run.ts';
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
  const context: ToolContext = {
    ...run.context,
    idempotency_key,
    signal: AbortSignal.any([run.abort.signal, AbortSignal.timeout(timeOut(tool, run))]),
  };
  const builtin = tool.kind === 'builtin' ? world.builtins.get(tool.name) : undefined;
  if (builtin) {
    return builtin.run(args, context, tool.configuration);
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

/** The call and the commit of its step are one transaction; see `callInCommit`. */
export async function runInCommit(
  tool: ToolDefinition,
  args: JsonObject,
  idempotency_key: string,
  run: HeldRun,
  world: World,
  record: (outcome: ToolOutcome) => StepRecord,
): Promise<void> {
  if (world.standIn) {
    await run.commit([record(await world.standIn(tool, args, idempotency_key))]);
    return;
  }
  let own: OwnCommit | undefined;
  let committed = false;
  const begin = async () => {
    own = await run.beginCommit();
  };
  const write = (client: PoolClient, outcome: ToolOutcome) =>
    (own as OwnCommit).write(client, [record(outcome)]);
  try {
    await (tool.kind === 'sql'
      ? callSql(tool, args, run, world, async (client, outcome) => {
          await begin();
          await write(client, outcome);
        })
      : callBuiltinInCommit(
          world.sqlToolPool,
          { name: tool.name, execution_id: run.id, args },
          begin,
          write,
        ));
    committed = true;
  } finally {
    own?.end(committed);
  }
}

function callSql(
  tool: ToolDefinition,
  args: JsonObject,
  run: HeldRun,
  world: World,
  commit: (client: PoolClient, outcome: ToolOutcome) => Promise<void>,
): Promise<void> {
  const fn = tool.configuration as unknown as SqlFunction;
  const tenantId = run.context.tenant_id;
  const call = { tenantId, fn, args, timeoutMs: timeOut(tool, run), signal: run.abort.signal };
  return callInCommit(world.sqlToolPool, call, commit);
}
