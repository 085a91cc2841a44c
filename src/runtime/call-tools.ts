import { v7 as uuidV7 } from 'uuid';
import type { ToolDefinition } from '../contracts/definition.ts';
import type { RunError } from '../contracts/errors.ts';
import type { Json, JsonObject } from '../contracts/json.ts';
import type { ToolCall } from '../contracts/message.ts';
import type { NewQuestion, StepRecord } from '../contracts/step.ts';
import type { ToolOutcome } from '../contracts/tool.ts';
import { loggedResult, resultText } from '../tools/result.ts';
import { backOff, PARK_AFTER_MS, triesOf } from './backoff.ts';
import type { OpenCall } from './calls.ts';
import type { HeldRun } from './held-run.ts';
import { type CallPlan, planCalls } from './plan-call.ts';
import { questionAbout } from './question-about.ts';
import { isCommittedWithItsCall, runInCommit, runTool } from './run-tool.ts';
import { mayHaveHappened } from './unknown-effect.ts';
import type { World } from './world.ts';

const ERROR_CHARACTERS = 4_000;

/**
 * Goes on with the calls at the same time; what comes of each is committed when it arrives. When nothing is in the air
 * any more and some call is to be tried again only later, the run is parked until then.
 */
export async function callTools(calls: ToolCall[], run: HeldRun, world: World): Promise<void> {
  const moments = await Promise.all(calls.map((call) => callTool(call, run, world)));
  const delay_ms = Math.ceil(Math.min(...moments.filter((due) => due > 0)) - Date.now());
  if (!Number.isFinite(delay_ms) || !run.isHeld || run.isPauseRequested) {
    return;
  }
  if (delay_ms > PARK_AFTER_MS) {
    await run.commit([], { status: 'waiting', waiting_for: 'timer', delay_ms });
  } else {
    await world.sleep(delay_ms, run.abort.signal);
  }
}

/** One call until it has a result or has to wait; gives the moment of its next attempt, 0 when there is none. */
async function callTool(call: ToolCall, run: HeldRun, world: World): Promise<number> {
  for (;;) {
    const planned = planCalls(run.definition, run.state).find(
      ({ open }) => open.call.id === call.id,
    );
    if (!planned || planned.plan.do === 'wait' || run.abort.signal.aborted || !run.isHeld) {
      return 0;
    }
    const due = await perform(planned.plan, planned.open, run, world);
    const delay_ms = due - Date.now();
    if (delay_ms > PARK_AFTER_MS || run.isPauseRequested) {
      return due;
    }
    await world.sleep(Math.ceil(delay_ms), run.abort.signal);
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

/** Not before the moment the attempt before it asked for, whoever made that: the log knows, a timer may be lost. */
async function callIt(
  tool: ToolDefinition,
  args: JsonObject,
  open: OpenCall,
  run: HeldRun,
  world: World,
): Promise<number> {
  if (open.notBefore > Date.now()) {
    return open.notBefore;
  }
  const started_at = new Date().toISOString();
  const idempotency_key = `${run.id}:${open.asked_seq}:${open.call.id}`;
  let due = 0;
  const record = (outcome: ToolOutcome): StepRecord => {
    const result: StepRecord = {
      ...finished(open, tool.name, args, outcome, started_at),
      effect: tool.effect,
      idempotency_key,
    };
    const step = outcome.ok ? result : failedAttempt(tool, open, outcome.error, result, world);
    due = notBeforeOf(step);
    return step;
  };
  if (isCommittedWithItsCall(tool)) {
    await runInCommit(tool, args, run, world, record);
    return due;
  }
  if (tool.effect === 'once' || tool.compensation) {
    await run.commit([intent(tool, args, open, idempotency_key)]);
  }
  const outcome = await runTool(tool, args, idempotency_key, run, world);
  if (run.abort.signal.aborted) {
    return 0; // not ours any more: nothing may be committed
  }
  await run.commit([record(outcome)]);
  return due;
}

/** An attempt that failed: of unknown effect, worth another one, or the result of the call. */
function failedAttempt(
  tool: ToolDefinition,
  open: OpenCall,
  error: RunError,
  result: StepRecord,
  world: World,
): StepRecord {
  if (tool.effect === 'once' && !isCommittedWithItsCall(tool) && mayHaveHappened(tool, error)) {
    const prompt = `${tool.name} was called and gave no answer (${error.message}). Did the call take effect?`;
    return { ...asked(questionAbout('effect', tool, open, prompt)), error };
  }
  const attempt = open.failures.length + 1;
  if (attempt >= triesOf(error)) {
    return result;
  }
  const delay_ms = backOff(error, attempt, world.random);
  const not_before = new Date(Date.now() + delay_ms).toISOString();
  const { kind: _, messages: __, ...attempted } = result;
  return { ...attempted, kind: 'retry', input: { attempt }, output: { delay_ms, not_before } };
}

function notBeforeOf({ kind, output }: StepRecord): number {
  const { not_before } = (output ?? {}) as { not_before?: string };
  return kind === 'retry' && not_before !== undefined ? Date.parse(not_before) : 0;
}

function intent(
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
