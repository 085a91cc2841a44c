import type { ToolDefinition } from '../contracts/definition.ts';
import type { RunError } from '../contracts/errors.ts';
import type { Json, JsonObject } from '../contracts/json.ts';
import type { ToolCall } from '../contracts/message.ts';
import type { StepRecord } from '../contracts/step.ts';
import type { ToolOutcome } from '../contracts/tool.ts';
import { callInCommit, type SqlFunction } from '../db/sql-tool.ts';
import { invalidArguments, parseArguments } from '../tools/arguments.ts';
import { runCustomTool } from '../tools/custom.ts';
import { loggedResult, resultText } from '../tools/result.ts';
import type { HeldRun, OwnCommit } from './held-run.ts';
import { faultsOf } from './json-schema.ts';
import type { World } from './world.ts';

/** A call that may be made: its tool is there and its arguments fit. */
type ReadyCall = { call: ToolCall; tool: ToolDefinition; args: JsonObject; started_at: string };

const ERROR_CHARACTERS = 4_000;

/** Runs the calls at the same time; each result is committed when it arrives. */
export async function callTools(calls: ToolCall[], run: HeldRun, world: World): Promise<void> {
  await Promise.all(calls.map((call) => callTool(call, run, world)));
}

async function callTool(call: ToolCall, run: HeldRun, world: World): Promise<void> {
  const started_at = new Date().toISOString();
  const prepared = prepare(call, run);
  if (!prepared.ok) {
    await run.commit([recordOf(call, call.name, prepared.input, prepared, started_at)]);
    return;
  }
  const ready = { call, tool: prepared.tool, args: prepared.args, started_at };
  await (ready.tool.kind === 'sql' ? callSql(ready, run, world) : callCustom(ready, run, world));
}

type Prepared =
  | { ok: true; tool: ToolDefinition; args: JsonObject }
  | { ok: false; error: RunError; input: Json };

/** Finds the tool among those the agent was given and checks the arguments; both faults a model can mend. */
function prepare(call: ToolCall, run: HeldRun): Prepared {
  const { tools } = run.definition;
  const tool = tools.find(({ name, aliases }) => name === call.name || aliases.includes(call.name));
  if (!tool) {
    const known = tools.map(({ name }) => name).join(', ') || 'none';
    const message = `there is no tool named ${call.name}; the tools are: ${known}`;
    return {
      ok: false,
      input: call.arguments,
      error: { code: 'unknown_tool', message, retryable: false },
    };
  }
  const parsed = parseArguments(call.arguments);
  if (!parsed.ok) {
    return { ok: false, input: call.arguments, error: parsed.error };
  }
  const error = misfit(tool, parsed.value);
  if (error) {
    return { ok: false, input: parsed.value, error };
  }
  if (tool.requires_approval) {
    const message = `${tool.name} needs the approval of a person, and nobody can be asked here`;
    return {
      ok: false,
      input: parsed.value,
      error: { code: 'tool_failed', message, retryable: false },
    };
  }
  return { ok: true, tool, args: parsed.value };
}

/** What is wrong with the arguments; or with the tool's own parameters, which no model can mend but may avoid. */
function misfit(tool: ToolDefinition, args: JsonObject): RunError | undefined {
  try {
    const faults = faultsOf(tool.parameters, args);
    return faults.length > 0 ? invalidArguments(faults.join('; ')) : undefined;
  } catch (cause) {
    const message = `the parameters of ${tool.name} are no JSON Schema: ${(cause as Error).message}`;
    return { code: 'tool_failed', message, retryable: false };
  }
}

/** A call may take its tool's time-out, but no longer than the run has left. */
function timeOut(tool: ToolDefinition, run: HeldRun): number {
  return Math.min(tool.timeout_ms, run.timeLeft);
}

async function callCustom(ready: ReadyCall, run: HeldRun, world: World): Promise<void> {
  const { call, tool, args, started_at } = ready;
  const custom = world.customTools.get(tool.name);
  await run.beginRisk();
  const outcome: ToolOutcome = custom
    ? await runCustomTool(custom, args, {
        ...run.context,
        idempotency_key: idempotencyKey(call, run),
        signal: AbortSignal.any([run.abort.signal, AbortSignal.timeout(timeOut(tool, run))]),
      })
    : {
        ok: false,
        error: {
          code: 'tool_failed',
          message: `the custom tool ${tool.name} is not registered in this worker: every worker has to be started with it`,
          retryable: false,
        },
      };
  if (!run.abort.signal.aborted) {
    await run.commit([recordOf(call, tool.name, args, outcome, started_at)]);
  }
}

/** The call and the commit of its step are one transaction; see `callInCommit`. */
async function callSql(ready: ReadyCall, run: HeldRun, world: World): Promise<void> {
  const { call, tool, args, started_at } = ready;
  let own: OwnCommit | undefined;
  let committed = false;
  try {
    await callInCommit(
      world.sqlToolPool,
      {
        tenantId: run.context.tenant_id,
        fn: tool.configuration as unknown as SqlFunction,
        args,
        timeoutMs: timeOut(tool, run),
        signal: run.abort.signal,
      },
      async (client, outcome) => {
        own = await run.beginCommit();
        await own.write(client, [recordOf(call, tool.name, args, outcome, started_at)]);
      },
    );
    committed = true;
  } finally {
    own?.end(committed);
  }
}

function recordOf(
  call: ToolCall,
  name: string,
  input: Json,
  outcome: ToolOutcome,
  started_at: string,
): StepRecord {
  return {
    kind: 'tool',
    name,
    input,
    ...(outcome.ok ? { output: loggedResult(outcome.value) } : { error: shortened(outcome.error) }),
    started_at,
    messages: [{ role: 'tool', content: resultText(outcome), tool_call_id: call.id }],
  };
}

/** An error is a sentence; what is longer is a result by another way. */
function shortened(error: RunError): RunError {
  return error.message.length > ERROR_CHARACTERS
    ? { ...error, message: `${error.message.slice(0, ERROR_CHARACTERS)}…` }
    : error;
}

/** The same over every retry of the call: the run, the place of the answer that asked, and the call. */
function idempotencyKey(call: ToolCall, run: HeldRun): string {
  const asked = run.state.messages.findIndex((message) =>
    message.tool_calls?.some(({ id }) => id === call.id),
  );
  return `${run.id}:${asked + 1}:${call.id}`;
}
