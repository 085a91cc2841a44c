import { v7 as uuidV7 } from 'uuid';
import type { ToolDefinition } from '../contracts/definition.ts';
import type { RunError } from '../contracts/errors.ts';
import type { Json, JsonObject } from '../contracts/json.ts';
import type { ToolCall } from '../contracts/message.ts';
import type { NewQuestion, StepRecord } from '../contracts/step.ts';
import type { ToolOutcome } from '../contracts/tool.ts';
import { loggedResult, resultText } from '../tools/result.ts';
import { backOff, PARK_AFTER_MS, triesOf } from './backoff.ts';
import { type OpenCall, openCalls } from './calls.ts';
import { failpoint } from './failpoints.ts';
import type { HeldRun } from './held-run.ts';
import { type CallPlan, leavesIntent, mayNeedApproval, planCalls } from './plan-call.ts';
import { questionAbout } from './question-about.ts';
import { isCommittedWithItsCall, runInCommit, runTool } from './run-tool.ts';
import type { World } from './world.ts';

const ERROR_CHARACTERS = 4_000;

/**
 * Goes on with the calls at the same time; what comes of each is committed when it arrives. When nothing is in the air
 * any more and some call is to be tried again only later, the run is parked until then.
 */
export async function callTools(calls: ToolCall[], run: HeldRun, world: World): Promise<void> {
  if (mayNeedApproval(run.definition, calls)) {
    await run.refreshApprovals();
  }
  const delays = await Promise.all(calls.map((call) => callTool(call, run, world)));
  const delay_ms = Math.min(...delays.filter((delay) => delay > 0));
  if (Number.isFinite(delay_ms) && run.isHeld && !run.abort.signal.aborted) {
    await run.commit([], { status: 'waiting', waiting_for: 'timer', delay_ms });
  }
}

/** One call until it has a result or has to wait; gives the milliseconds until it is worth another try. */
async function callTool(call: ToolCall, run: HeldRun, world: World): Promise<number> {
  for (;;) {
    const planned = planCalls(run.definition, run.state).find(
      ({ open }) => open.call.id === call.id,
    );
    if (!planned || planned.plan.do === 'wait' || run.abort.signal.aborted || !run.isHeld) {
      return 0;
    }
    const delay = await perform(planned.plan, planned.open, run, world);
    if (delay > PARK_AFTER_MS || run.isPauseRequested) {
      return delay;
    }
    await world.sleep(delay, run.abort.signal);
  }
}

async function perform(
  plan: Exclude<CallPlan, { do: 'wait' }>,
  open: OpenCall,
  run: HeldRun,
  world: World,
): Promise<number> {
  const started_at = new Date().toISOString();
  const { call } = open;
  switch (plan.do) {
    case 'tell':
      await run.commit([finished(open, plan.name, plan.input, plan.outcome, started_at)]);
      return 0;
    case 'ask':
      await run.commit([asked(plan.question)]);
      return 0;
    case 'spawn': {
      const child = {
        id: uuidV7(),
        agent_id: plan.agent_id,
        call_id: call.id,
        input: plan.message,
      };
      await run.commit([
        {
          kind: 'child_started',
          name: plan.tool.name,
          call_id: call.id,
          asked_seq: open.asked_seq,
          input: { message: plan.message },
          output: { execution_id: child.id },
          child,
        },
      ]);
      return 0;
    }
    case 'run':
      return callIt(plan.tool, plan.args, open, run, world);
  }
}

async function callIt(
  tool: ToolDefinition,
  args: JsonObject,
  open: OpenCall,
  run: HeldRun,
  world: World,
): Promise<number> {
  const started_at = new Date().toISOString();
  const idempotency_key = `${run.id}:${open.asked_seq}:${open.call.id}`;
  const intent = intentOf(tool, args, open, idempotency_key);
  const record = (outcome: ToolOutcome, { input, annotations }: StepRecord): StepRecord => ({
    ...finished(open, tool.name, input ?? null, outcome, started_at),
    effect: tool.effect,
    idempotency_key,
    ...(annotations ? { annotations } : {}),
  });
  if (isCommittedWithItsCall(tool)) {
    await failpoint('tool.before');
    await runInCommit(tool, run, world, intent, record);
    await failpoint('tool.after');
    return 0;
  }
  const input = await beginCall(intent, leavesIntent(tool), open, run);
  if (!input) {
    return 0; // refused, or not ours any more
  }
  await failpoint('tool.before');
  const outcome = await runTool(tool, input, idempotency_key, run, world);
  await failpoint('tool.after');
  if (run.abort.signal.aborted) {
    return 0; // not ours any more: nothing may be committed
  }
  return outcome.ok
    ? commitAll(run, [record(outcome, { ...intent, input })])
    : commitFailure(
        tool,
        input,
        open,
        outcome.error,
        run,
        world,
        record(outcome, { ...intent, input }),
      );
}

/**
 * The beginning of a call is committed when its effect must not be lost sight of, or when hooks are asked about it: they
 * may change the arguments, or refuse. Gives the arguments of the call that may be made. One that was begun before, by a
 * worker that is gone, has been asked about.
 */
async function beginCall(
  intent: StepRecord,
  isLogged: boolean,
  open: OpenCall,
  run: HeldRun,
): Promise<JsonObject | undefined> {
  if (open.isBegun) {
    return open.begunWith as JsonObject;
  }
  if (!isLogged && !run.hooks?.hear('tool_before')) {
    return intent.input as JsonObject;
  }
  await run.commit([intent]);
  const begun = openCalls(run.state).find(({ call }) => call.id === open.call.id);
  return run.isHeld && begun?.isBegun ? (begun.begunWith as JsonObject) : undefined;
}

/** An attempt that failed: worth another one, of unknown effect, or the result of the call. */
async function commitFailure(
  tool: ToolDefinition,
  args: JsonObject,
  open: OpenCall,
  error: RunError,
  run: HeldRun,
  world: World,
  result: StepRecord,
): Promise<number> {
  if (tool.effect === 'once' && mayHaveHappened(error)) {
    const prompt = `${tool.name} was called and gave no answer (${error.message}). Did the call take effect?`;
    return commitAll(run, [{ ...asked(questionAbout('effect', tool, open, args, prompt)), error }]);
  }
  const attempt = open.failures.length + 1;
  if (!error.retryable || attempt >= triesOf(error)) {
    return commitAll(run, [result]);
  }
  const delay_ms = backOff(error, attempt, world.random);
  const { kind: _, messages: __, ...attempted } = result;
  const retry: StepRecord = {
    ...attempted,
    kind: 'retry',
    input: { attempt },
    output: { delay_ms },
  };
  await run.commit([retry]);
  return delay_ms;
}

async function commitAll(run: HeldRun, records: StepRecord[]): Promise<number> {
  await run.commit(records);
  return 0;
}

/** Nothing came back, so nobody knows; any other error is the tool's own word. */
function mayHaveHappened({ code }: RunError): boolean {
  return code === 'timeout' || code === 'unreachable' || code === 'cancelled';
}

function intentOf(
  tool: ToolDefinition,
  input: JsonObject,
  open: OpenCall,
  idempotency_key: string,
): StepRecord {
  return {
    kind: 'tool_started',
    name: tool.name,
    call_id: open.call.id,
    effect: tool.effect,
    idempotency_key,
    asked_seq: open.asked_seq,
    input,
  };
}

function asked(question: Omit<NewQuestion, 'id'>): StepRecord {
  const id = uuidV7();
  return {
    kind: 'question',
    name: question.kind,
    call_id: question.call_id,
    input: { question_id: id, prompt: question.prompt },
    question: { id, ...question },
  };
}

function finished(
  open: OpenCall,
  name: string,
  input: Json,
  outcome: ToolOutcome,
  started_at: string,
): StepRecord {
  const { call, asked_seq } = open;
  return {
    kind: 'tool',
    name,
    call_id: call.id,
    input,
    ...(outcome.ok ? { output: loggedResult(outcome.value) } : { error: shortened(outcome.error) }),
    started_at,
    messages: [
      {
        role: 'tool',
        content: resultText(outcome),
        tool_call_id: call.id,
        parent_seq: asked_seq,
      },
    ],
  };
}

/** An error is a sentence; what is longer is a result by another way. */
function shortened(error: RunError): RunError {
  return error.message.length > ERROR_CHARACTERS
    ? { ...error, message: `${error.message.slice(0, ERROR_CHARACTERS)}…` }
    : error;
}
