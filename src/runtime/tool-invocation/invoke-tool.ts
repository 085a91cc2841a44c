import type { CallOutcome } from '../../contracts/agents/call-host.ts';
import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ModelAnswer } from '../../contracts/agents/model.ts';
import type {
  BuiltinContext,
  SecondModelRequest,
  ToolContext,
  ToolOutcome,
} from '../../contracts/agents/tool.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { runCustomTool } from '../../tools/custom/custom-tools.ts';
import { httpRequestOf } from '../../tools/http-tool.ts';
import { isContent, storeContent } from '../../tools/rich-content.ts';
import { deadline } from '../environment/deadline.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import { filterFiles } from '../held-run/filter-files.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { callNestedModel } from '../model-calls/nested-model-call.ts';
import type { OpenCall } from '../tool-plans/open-calls.ts';
import { createCallHost } from './call-host.ts';
import { askToConnectAccount } from './connect-account-question.ts';
import { createProgressReporter } from './progress-reporter.ts';
import { runWithToolIo } from './run-with-tool-io.ts';

/**
 * Returns the timeout of a call in milliseconds: the timeout of its tool, but no more than the time
 * that the run has left.
 */
export function callTimeout(tool: ToolDefinition, run: HeldRun): number {
  return Math.min(tool.timeout_ms, run.timeLeft);
}

/**
 * Runs a tool outside of a transaction: in this process, over HTTP or on an MCP server. Returns the
 * outcome, which the caller commits. While the tool runs, its guards, refusals and nested model
 * calls are committed.
 */
export async function invokeTool(
  tool: ToolDefinition,
  args: JsonObject,
  idempotency_key: string,
  { call }: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<CallOutcome> {
  if (world.recordedCalls) {
    return world.recordedCalls.outcomeOf(tool, args, idempotency_key);
  }
  const time = deadline(run.abort.signal, callTimeout(tool, run));
  const traceparent = run.observer?.onToolCall?.(call.id);
  const context: ToolContext = {
    ...run.context,
    idempotency_key,
    signal: time.signal,
    ...(traceparent ? { traceparent } : {}),
  };
  // stop listening for the end of the run once the call has returned
  const outcome = await runTool(tool, args, context, call.id, run, world, time.abort).finally(
    time.clear,
  );
  return 'ok' in outcome && !outcome.ok && outcome.consent
    ? askToConnectAccount(outcome, outcome.consent, call.id, run)
    : outcome;
}

async function runTool(
  tool: ToolDefinition,
  args: JsonObject,
  context: ToolContext,
  call_id: string,
  run: HeldRun,
  world: RuntimeDependencies,
  abort: () => void,
): Promise<CallOutcome> {
  const builtinContext: BuiltinContext = {
    ...context,
    secondModel: (reading) => readWithModel(reading, context, call_id, run, world),
    readSecret: (name) => world.readSecret(context.tenant_id, name),
    accessToken: (...request) => world.accounts.forRun(context.execution_id, ...request),
    files: filterFiles(world.filesOf(context.tenant_id, context.execution_id), call_id, run),
  };
  if (tool.kind === 'http') {
    const isGuarded = tool.is_guarded !== false;
    const request = httpRequestOf(args, tool.configuration, { isGuarded });
    const sender = world.builtins.get('http_request');
    if (!request.ok || !sender) return request.ok ? notRegistered(tool) : request;
    const { allowPrivate, configuration } = request.value;
    return sender.run(request.value.args, { ...builtinContext, allowPrivate }, configuration);
  }
  const builtin = tool.kind === 'builtin' ? world.builtins.get(tool.name) : undefined;
  if (builtin) {
    return builtin.run(args, builtinContext, tool.configuration);
  }
  if (tool.kind === 'mcp') {
    const reporter = createProgressReporter(tool, call_id, run);
    const host = { ...createCallHost(call_id, run, world), progress: reporter.report };
    return world.mcp.call(tool, args, context, host).finally(reporter.end);
  }
  const custom = tool.kind === 'custom' ? world.customTools.get(tool.name) : undefined;
  if (!custom) {
    return notRegistered(tool);
  }
  return runWithToolIo(tool, context, call_id, run, world, abort, async (contextWithIo) => {
    const outcome = await runCustomTool(custom, args, contextWithIo);
    return outcome.ok && isContent(outcome.value)
      ? storeContent(outcome.value, tool.name, builtinContext.files)
      : outcome;
  });
}

async function readWithModel(
  { model: name, request_params, ...request }: SecondModelRequest,
  { tenant_id, signal }: ToolContext,
  call_id: string,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<Outcome<ModelAnswer>> {
  const found = await world.modelNamed(tenant_id, name);
  if (!found.ok) return found;
  const model = { ...found.value, request_params };
  return callNestedModel({ ...request, model, outputOf: () => ({}) }, signal, call_id, run, world);
}

function notRegistered(tool: ToolDefinition): ToolOutcome {
  const message = `the ${tool.kind} tool ${tool.name} is not registered in this worker: start every worker with it`;
  return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
}
