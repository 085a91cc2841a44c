import { v7 as uuidV7 } from 'uuid';
import type { ToolDefinition } from '../contracts/definition.ts';
import type { RunError } from '../contracts/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../contracts/json.ts';
import type { ToolCall } from '../contracts/message.ts';
import type { StepRecord } from '../contracts/step.ts';
import type { ToolOutcome } from '../contracts/tool.ts';
import { backOff, PARK_AFTER_MS, triesOf } from './backoff.ts';
import { type OpenCall, openCalls } from './calls.ts';
import { failpoint } from './failpoints.ts';
import { handOver, handoffsOf } from './hand-over.ts';
import type { HeldRun } from './held-run.ts';
import { overridesIn } from './overrides.ts';
import { type CallPlan, leavesIntent, nameTools, planCalls } from './plan-call.ts';
import { questionAbout } from './question-about.ts';
import { isCommittedWithItsCall, runInCommit, runTool } from './run-tool.ts';
import { isLoadSkill } from './skills.ts';
import { asked, finished, intentOf } from './tool-steps.ts';
import { mayHaveHappened } from './unknown-effect.ts';
import type { World } from './world.ts';

/**
 * Goes on with the calls at the same time; what comes of each is committed when it arrives. When nothing is in the air
 * any more and some call is to be tried again only later, the run is parked until then.
 */
export async function callTools(calls: ToolCall[], run: HeldRun, world: World): Promise<void> {
  if (nameTools(run.definition, calls)) {
    await run.refreshRules();
  }
  const over = handoffsOf(run);
  if (over.length > 0) {
    return handOver(over, run);
  }
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
    if (!planned || isLater(planned.plan) || run.abort.signal.aborted || !run.isHeld) {
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

type Later = Extract<CallPlan, { do: 'wait' | 'hand_over' }>;

/** Nothing to be done about this call now. */
function isLater(plan: CallPlan): plan is Later {
  return plan.do === 'wait' || plan.do === 'hand_over';
}

async function perform(
  plan: Exclude<CallPlan, Later>,
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
      const { agent_id, workflow_id, configuration } = plan.tool;
      const child = {
        id: uuidV7(),
        ...(workflow_id ? { workflow_id } : { agent_id: agent_id as string }),
        call_id: call.id,
        input: plan.message,
        ...overridesIn(configuration),
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
  const intent = intentOf(tool, args, open, `${run.id}:${open.asked_seq}:${open.call.id}`);
  let due = 0;
  const record = (outcome: ToolOutcome, begun: StepRecord): StepRecord[] => {
    const step = resultOf(tool, open, outcome, begun, started_at, world);
    due = notBeforeOf(step);
    return [step, ...guardIn(tool, step)];
  };
  if (isCommittedWithItsCall(tool)) {
    await failpoint('tool.before');
    const waits_ms = await runInCommit(tool, run, world, intent, record);
    await failpoint('tool.after');
    return waits_ms > 0 ? Date.now() + waits_ms : due;
  }
  const input = await beginCall(intent, leavesIntent(tool), open, run);
  if (!input) {
    return 0; // refused, or not ours any more
  }
  await failpoint('tool.before');
  const outcome = await runTool(tool, input, intent.idempotency_key ?? '', run, world);
  await failpoint('tool.after');
  if (run.abort.signal.aborted) {
    return 0; // not ours any more: nothing may be committed
  }
  await run.commit(record(outcome, { ...intent, input }));
  return due;
}

/** What goes into the log of an attempt that was begun like this. */
function resultOf(
  tool: ToolDefinition,
  open: OpenCall,
  outcome: ToolOutcome,
  { input, annotations, idempotency_key }: StepRecord,
  started_at: string,
  world: World,
): StepRecord {
  const result: StepRecord = {
    ...finished(open, tool.name, input ?? null, outcome, started_at, tool.configuration),
    effect: tool.effect,
    ...(idempotency_key ? { idempotency_key } : {}),
    ...(annotations ? { annotations } : {}),
    ...(outcome.ok ? trustIn(tool, outcome.value) : {}),
  };
  return outcome.ok ? result : failedAttempt(tool, open, outcome.error, result, world);
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
    return {
      ...asked(questionAbout('effect', tool, open, result.input as JsonObject, prompt)),
      error,
    };
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

/** A limit of ours that refused a call is a guard that has spoken: the log says so. */
function guardIn({ kind, name }: ToolDefinition, { error }: StepRecord): StepRecord[] {
  return kind === 'builtin' && error?.code === 'limit_reached'
    ? [{ kind: 'guard', name: `${name}_limit`, output: { message: error.message } }]
    : [];
}

/**
 * What `receive` gives is what others wrote: people, or agents as well. What `load_skill` gives was written by who may edit the
 * agent, as its instructions were.
 */
function trustIn(tool: ToolDefinition, value: Json): Pick<StepRecord, 'trust'> {
  if (isLoadSkill(tool)) {
    return { trust: 'system' };
  }
  const { kind, name } = tool;
  const mail = kind === 'builtin' && name === 'receive' && isJsonObject(value) ? value.mail : null;
  if (!Array.isArray(mail) || mail.length === 0) {
    return {};
  }
  const isAllPeople = mail.every((one) => isJsonObject(one) && one.trust === 'user');
  return { trust: isAllPeople ? 'user' : 'internal' };
}

function notBeforeOf({ kind, output }: StepRecord): number {
  const { not_before } = (output ?? {}) as { not_before?: string };
  return kind === 'retry' && not_before !== undefined ? Date.parse(not_before) : 0;
}
