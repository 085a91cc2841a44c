import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { McpOutcome } from '../../contracts/agents/mcp-host.ts';
import type { ModelAnswer } from '../../contracts/agents/model.ts';
import type {
  BuiltinContext,
  SecondModelRequest,
  ToolContext,
  ToolOutcome,
} from '../../contracts/agents/tool.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { DryRun } from '../../contracts/runs/preview.ts';
import type { StepRecord, Transition } from '../../contracts/runs/step.ts';
import type { PoolClient } from '../../db/connection/pool.ts';
import { tenantPool } from '../../db/connection/tenant-pool.ts';
import {
  type BuiltinOutcome,
  callBuiltinInCommit,
  isDatabaseBuiltin,
} from '../../db/sql-tools/builtin-call.ts';
import type { CapturedChanges } from '../../db/sql-tools/captured-changes.ts';
import {
  callInCommit,
  NotAsPreviewedError,
  type SqlFunction,
  type SqlToolCall,
} from '../../db/sql-tools/sql-tool.ts';
import type { JsonObject } from '../../json/json.ts';
import { runCustomTool } from '../../tools/custom/custom-tools.ts';
import { httpRequestOf } from '../../tools/http-tool.ts';
import { isContent, storeContent } from '../../tools/rich-content.ts';
import { digestOf } from '../dry-run/digest.ts';
import { deadline } from '../environment/deadline.ts';
import type { RuntimeDependencies } from '../environment/world.ts';
import type { RunHooks } from '../hooks/run-hooks.ts';
import { callNestedModel } from '../model-calls/nested-model-call.ts';
import type { HeldRun } from '../owned-run/held-run.ts';
import type { TransactionalCommit } from '../owned-run/transactional-commit.ts';
import type { OpenCall } from '../tool-plans/open-calls.ts';
import { filteredFiles } from './filtered-output.ts';
import { runInteractiveTool } from './interactive-tool.ts';
import { mcpHost } from './mcp-host.ts';

/**
 * Returns true for a tool that is a function of the database. Such a tool runs in the transaction
 * that commits its step.
 */
export function isCommittedWithItsCall(tool: ToolDefinition): boolean {
  return tool.kind === 'sql' || (tool.kind === 'builtin' && isDatabaseBuiltin(tool.name));
}

/**
 * Returns the timeout of a call in milliseconds: the timeout of its tool, but no more than the time
 * that the run has left.
 */
function timeOut(tool: ToolDefinition, run: HeldRun): number {
  return Math.min(tool.timeout_ms, run.timeLeft);
}

/** Runs a tool of this process. Its outcome is data; nothing is committed here. */
export async function invokeTool(
  tool: ToolDefinition,
  args: JsonObject,
  idempotency_key: string,
  { call }: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<McpOutcome> {
  if (world.standIn) {
    return world.standIn(tool, args, idempotency_key);
  }
  const time = deadline(run.abort.signal, timeOut(tool, run));
  const traceparent = run.observer?.onToolCall?.(call.id);
  const context: ToolContext = {
    ...run.context,
    idempotency_key,
    signal: time.signal,
    ...(traceparent ? { traceparent } : {}),
  };
  // a call that has returned is not notified of the end of its run
  return callTool(tool, args, context, call.id, run, world, time.abort).finally(time.clear);
}

async function callTool(
  tool: ToolDefinition,
  args: JsonObject,
  context: ToolContext,
  call_id: string,
  run: HeldRun,
  world: RuntimeDependencies,
  abort: () => void,
): Promise<McpOutcome> {
  const ours: BuiltinContext = {
    ...context,
    secondModel: (reading) => read(reading, context, call_id, run, world),
    readSecret: (name) => world.readSecret(context.tenant_id, name),
    files: filteredFiles(world.filesOf(context.tenant_id, context.execution_id), call_id, run),
  };
  if (tool.kind === 'http') {
    const request = httpRequestOf(args, tool.configuration);
    const sender = world.builtins.get('http_request');
    if (!request.ok || !sender) return request.ok ? notHere(tool) : request;
    return sender.run(request.value.args, ours, request.value.configuration);
  }
  const builtin = tool.kind === 'builtin' ? world.builtins.get(tool.name) : undefined;
  if (builtin) {
    return builtin.run(args, ours, tool.configuration);
  }
  if (tool.kind === 'mcp') {
    return world.mcp.call(tool, args, context, mcpHost(call_id, run, world));
  }
  const custom = tool.kind === 'custom' ? world.customTools.get(tool.name) : undefined;
  if (!custom) {
    return notHere(tool);
  }
  await run.beginRisk();
  return runInteractiveTool(tool, context, call_id, run, world, abort, async (talking) => {
    const outcome = await runCustomTool(custom, args, talking);
    return outcome.ok && isContent(outcome.value)
      ? storeContent(outcome.value, tool.name, ours.files)
      : outcome;
  });
}

async function read(
  { model: name, request_params, ...request }: SecondModelRequest,
  { tenant_id, signal }: ToolContext,
  call_id: string,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<Outcome<ModelAnswer>> {
  const found = await world.modelNamed(tenant_id, name);
  if (!found.ok) return found;
  const model = { ...found.value, request_params };
  return callNestedModel({ ...request, model, told: () => ({}) }, signal, call_id, run, world);
}

function notHere(tool: ToolDefinition): ToolOutcome {
  const message = `the ${tool.kind} tool ${tool.name} is not registered in this worker: start every worker with it`;
  return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
}

/**
 * A call that may run, the step of its start, whether a person allowed it, and what that person was
 * shown.
 */
type Allowed = {
  tool: ToolDefinition;
  intent: StepRecord;
  isAllowed: boolean;
  shown: DryRun | undefined;
};

/**
 * Makes a call and commits its step in one transaction; see `callInCommit`. The argument `started`
 * of `record` is the start of the call as hooks left it. The start is in no log, because it commits
 * with the end of the call. Returns the milliseconds that the call has to wait for its end, and 0
 * when the call has ended. Returns undefined when the call was undone, because its effects were not
 * those that the approver was shown.
 */
export async function invokeInTransaction(
  { tool, intent, isAllowed, shown }: Allowed,
  run: HeldRun,
  world: RuntimeDependencies,
  record: (outcome: ToolOutcome, started: StepRecord) => StepRecord[],
): Promise<number | undefined> {
  let started = intent;
  let waits_ms = 0;
  if (world.standIn) {
    if (isAllowed && world.wasAskedAgain?.(intent.call_id ?? '')) return undefined;
    const key = intent.idempotency_key ?? '';
    const outcome = await world.standIn(tool, intent.input as JsonObject, key);
    if ('ok' in outcome) await run.commit(record(outcome, intent));
    return 0;
  }
  let own: TransactionalCommit | undefined;
  let failure: unknown;
  const begin = async () => {
    own ??= await run.beginCommit();
  };
  const write = async (client: PoolClient, steps: StepRecord[], to?: Transition) => {
    await begin();
    await (own as TransactionalCommit).write(client, steps, to);
  };
  const ask = async (client: PoolClient) => {
    const { steps, to } = await (run.hooks as RunHooks).askBefore(client, intent);
    started = steps[0] ?? intent;
    return started.kind === intent.kind ? argsOf(started) : void (await write(client, steps, to));
  };
  const commit = (client: PoolClient, outcome: BuiltinOutcome) => {
    waits_ms = 'ok' in outcome ? 0 : outcome.waits_ms;
    return write(client, 'ok' in outcome ? record(outcome, started) : []);
  };
  const before = run.hooks && ask;
  const user = { tenant: run.context.tenant_id, signal: run.abort.signal };
  const pool = tenantPool(world.sqlToolPool, 'tools', user);
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
      ? callInCommit(pool, sqlCall(tool, argsOf(intent), run, shown), commit, before)
      : callBuiltinInCommit(pool, call, begin, commit, before));
  } catch (error) {
    failure = error;
    if (error instanceof NotAsPreviewedError) return undefined;
    throw error;
  } finally {
    own?.end(failure);
  }
  return waits_ms;
}

function argsOf(start: StepRecord): JsonObject {
  return start.input as JsonObject;
}

/**
 * Builds the database call of a tool in SQL. When effects were shown to an approver, the call fails
 * unless its effects are the same.
 */
export function sqlCall(
  tool: ToolDefinition,
  args: JsonObject,
  run: HeldRun,
  shown?: DryRun,
): SqlToolCall {
  const fn = tool.configuration as unknown as SqlFunction;
  const boundTo = { tenantId: run.context.tenant_id, executionId: run.id };
  const check = (watched: CapturedChanges): void => {
    if (shown && digestOf(watched, shown.ignored) !== shown.digest) throw new NotAsPreviewedError();
  };
  const call = { boundTo, fn, args, timeoutMs: timeOut(tool, run), signal: run.abort.signal };
  return shown ? { ...call, check } : call;
}
