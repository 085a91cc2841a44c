import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { ToolCall } from '../../contracts/runs/message.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { JsonObject } from '../../json/json.ts';
import { PARK_AFTER_MS } from '../environment/backoff.ts';
import { failpoint } from '../environment/failpoints.ts';
import type { RuntimeDependencies } from '../environment/world.ts';
import { parkAtLimit } from '../model-calls/call-within-limits.ts';
import type { HeldRun } from '../owned-run/held-run.ts';
import { askUser, NO_FILTER_HITS, rejectCall } from '../tool-invocation/filtered-output.ts';
import {
  invokeInTransaction,
  invokeTool,
  isCommittedWithItsCall,
} from '../tool-invocation/invoke-tool.ts';
import { previewCall } from '../tool-invocation/preview-call.ts';
import { limitGuard, retryAt, toolCallRecord } from '../tool-invocation/tool-call-record.ts';
import { type OpenCall, openCalls } from '../tool-plans/open-calls.ts';
import { callsKnownTool, needsStartStep, plansOf } from '../tool-plans/plan-tool-calls.ts';
import { toolStartedStep } from '../tool-plans/step-records.ts';
import type { CallPlan } from '../tool-plans/tool-call-plan.ts';
import { questionForElicitation } from './elicitation-question.ts';
import { handOffRun, handoffsOf } from './handoff.ts';
import { requestApproval, requestApprovalAgain } from './request-approval.ts';
import { resultSteps, settleCalls, startChild } from './settle-calls.ts';

/**
 * Continues the calls concurrently, and commits each result when it arrives. When no call is in
 * progress and some call is to be retried only later, the run is parked until then.
 */
export async function callTools(
  calls: ToolCall[],
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<void> {
  if (callsKnownTool(run.definition, calls)) {
    await run.refreshRules();
  }
  const over = await handoffsOf(run);
  if (over.length > 0) {
    return handOffRun(over, run);
  }
  await settleCalls(calls, run);
  const left = await callsLeft(calls, run);
  const moments = await Promise.all(left.map((call) => callTool(call, run, world)));
  const due = Math.min(...moments.filter((moment) => moment > 0 && moment !== AT_LIMIT));
  const delay_ms = Math.ceil(due - Date.now());
  if (!run.isHeld || run.isPauseRequested) {
    return;
  }
  if (!Number.isFinite(delay_ms)) {
    await (moments.includes(AT_LIMIT) ? parkAtLimit(run) : undefined);
    return;
  }
  if (delay_ms > PARK_AFTER_MS) {
    await run.commit([], { status: 'waiting', waiting_for: 'timer', delay_ms });
  } else {
    await world.sleep(delay_ms, run.abort.signal);
  }
}

/** Placeholder for the unknown time at which a limit lets the call start. */
const AT_LIMIT = Number.POSITIVE_INFINITY;

/** Returns the calls for which something is to be done now. */
async function callsLeft(calls: readonly ToolCall[], run: HeldRun): Promise<ToolCall[]> {
  const plans = await plansOf(run);
  const ids = new Set(plans.flatMap(({ open, plan }) => (isLater(plan) ? [] : [open.call.id])));
  return calls.filter(({ id }) => ids.has(id));
}

/**
 * Advances one call until it has a result or has to wait. Returns the time of its next attempt, or
 * 0 when there is none.
 */
async function callTool(call: ToolCall, run: HeldRun, world: RuntimeDependencies): Promise<number> {
  for (;;) {
    const plans = await plansOf(run);
    const planned = plans.find(({ open }) => open.call.id === call.id);
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

/** Returns true when there is nothing to do about this call now. */
function isLater(plan: CallPlan): plan is Later {
  return plan.do === 'wait' || plan.do === 'hand_over';
}

async function perform(
  plan: Exclude<CallPlan, Later>,
  open: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<number> {
  const started_at = new Date().toISOString();
  switch (plan.do) {
    case 'tell':
      await run.commit(resultSteps(plan, open, run));
      return 0;
    case 'ask':
      if (plan.question.kind === 'approval') {
        return requestApproval(plan, open, run, world);
      }
      await askUser(plan.tool, plan.question, open, run, started_at);
      return 0;
    case 'spawn':
      await run.commit(await startChild(plan, open, run));
      return 0;
    case 'run':
      return callIt(plan, open, run, world);
  }
}

type Run = Extract<CallPlan, { do: 'run' }>;

/**
 * Makes a call, but not before the time that the previous attempt set, whichever worker made that
 * attempt. The time is read from the log, because a timer may be lost. The call also waits until
 * the limits of the tool allow it.
 */
async function callIt(
  plan: Run,
  open: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<number> {
  if (open.notBefore > Date.now()) {
    return open.notBefore;
  }
  const slot = await run.limits.begin({ tool: plan.tool });
  if (slot === 'full') {
    return AT_LIMIT;
  }
  if (slot === 'stale') {
    run.relinquish();
    return 0;
  }
  try {
    return await attempt(plan, open, run, world);
  } finally {
    await slot.end();
  }
}

async function attempt(
  { tool, args: requested_args, approval }: Run,
  open: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<number> {
  const started_at = new Date().toISOString();
  const look = open.isStarted
    ? NO_FILTER_HITS
    : await run.applyOutputFilters(tool, requested_args, open.call.id);
  if (look.isBlocked) {
    await rejectCall(tool.name, requested_args, look, open, run, started_at);
    return 0;
  }
  const args = look === NO_FILTER_HITS ? requested_args : (look.value as JsonObject);
  const intent = toolStartedStep(tool, args, open, `${run.id}:${open.asked_seq}:${open.call.id}`);
  let due = 0;
  const record = (outcome: ToolOutcome, started: StepRecord): StepRecord[] => {
    const by = { random: world.random, settings: run.limits.settings };
    const step = toolCallRecord(tool, open, outcome, started, started_at, by);
    due = retryAt(step);
    return [step, ...limitGuard(tool, step), ...look.guards];
  };
  if (isCommittedWithItsCall(tool)) {
    const tried = approval === 'edited' ? await previewCall(tool, args, run, world) : undefined;
    if (run.abort.signal.aborted) {
      return 0; // the run is no longer held: nothing may be committed
    }
    if (tried && !tried.ok) {
      await run.commit(record(tried, intent));
      return due;
    }
    const shown = approval === 'edited' ? tried?.value.dryRun : approval?.shown;
    await failpoint('tool.before');
    const allowed = { tool, intent, shown, isAllowed: approval !== undefined };
    const waits_ms = await invokeInTransaction(allowed, run, world, record);
    await failpoint('tool.after');
    if (waits_ms === undefined) {
      return requestApprovalAgain(tool, args, open, run, world);
    }
    return waits_ms > 0 ? Date.now() + waits_ms : due;
  }
  const input = await beginCall(intent, needsStartStep(tool), open, run);
  if (!input) {
    return 0; // refused, or the run is no longer held
  }
  await failpoint('tool.before');
  const outcome = await invokeTool(tool, input, intent.idempotency_key ?? '', open, run, world);
  await failpoint('tool.after');
  if (run.abort.signal.aborted) {
    return 0; // the run is no longer held: nothing may be committed
  }
  const started = { ...intent, input };
  const end =
    'ok' in outcome
      ? { outcome, guards: [] }
      : await questionForElicitation(outcome.asks, tool, open, input, run);
  await run.commit('steps' in end ? end.steps : [...end.guards, ...record(end.outcome, started)]);
  return due;
}

/**
 * Commits the start of a call when the log must not lose track of its effect, or when hooks check
 * the call: hooks may change the arguments, or refuse the call. Returns the arguments of the call
 * that may be made. A call that was started before, by a worker that is gone, was already checked
 * by the hooks.
 */
async function beginCall(
  intent: StepRecord,
  isLogged: boolean,
  open: OpenCall,
  run: HeldRun,
): Promise<JsonObject | undefined> {
  if (open.isStarted) {
    return open.startArguments as JsonObject;
  }
  if (!isLogged && !run.hooks?.hear('tool_before')) {
    return intent.input as JsonObject;
  }
  await run.commit([intent]);
  const started = openCalls(run.state).find(({ call }) => call.id === open.call.id);
  return run.isHeld && started?.isStarted ? (started.startArguments as JsonObject) : undefined;
}
