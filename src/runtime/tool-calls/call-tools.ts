import type { ToolCall } from '../../contracts/runs/message.ts';
import { PARK_AFTER_MS } from '../environment/backoff.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { parkAtLimit } from '../model-calls/call-within-limits.ts';
import type { OpenCall } from '../tool-plans/open-calls.ts';
import { callsKnownTool, plansOf } from '../tool-plans/plan-tool-calls.ts';
import type { CallPlan, CallProgress } from '../tool-plans/tool-call-plan.ts';
import { askQuestion } from './ask-question.ts';
import { childStartSteps, commitWithoutCalling, resultSteps } from './commit-without-calling.ts';
import { handOffRun, handoffsOf } from './handoff.ts';
import { makeCall } from './make-call.ts';
import { requestApproval } from './request-approval.ts';

// Each open call has a plan (tool-plans/). How a call is made whose plan is `run`:
//
// callTools → advanceCall → followPlan → callWithinToolLimits → makeCall
//   makeCall → callInDatabase → callInTransaction → callAndCommit (tool-invocation/)
//   makeCall → callOutsideTransaction → invokeTool → runTool (tool-invocation/)
//
// Calls with another plan are settled by followPlan, commitWithoutCalling or handOffRun.

/** A plan that needs no action now. */
type Later = Extract<CallPlan, { do: 'wait' | 'hand_over' }>;

/**
 * Continues the calls of a model answer. Hands the run over if only handoffs are left. Otherwise
 * commits known results and starts children together, then makes the other calls concurrently and
 * commits each result when it arrives. If a call must wait, waits here for a short time, or parks
 * the run for a longer time or for a limit.
 */
export async function callTools(
  calls: ToolCall[],
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<void> {
  if (callsKnownTool(run.definition, calls)) {
    await run.refreshRules();
  }
  const handoffs = await handoffsOf(run);
  if (handoffs.length > 0) {
    return handOffRun(handoffs, run);
  }
  await commitWithoutCalling(calls, run);
  const left = await callsToAdvance(calls, run);
  const results = await Promise.all(left.map((call) => advanceCall(call, run, world)));
  if (!run.isHeld || run.isPauseRequested) {
    return;
  }
  // A retry at a known time comes first: it plans all calls again, those at a limit included.
  const retryAt = earliestRetry(results);
  if (retryAt !== undefined) {
    await waitUntil(retryAt, run, world);
  } else if (results.includes('at_limit')) {
    await parkAtLimit(run);
  }
}

/** Returns the calls whose plans need an action now. */
async function callsToAdvance(calls: readonly ToolCall[], run: HeldRun): Promise<ToolCall[]> {
  const plans = await plansOf(run);
  const ids = new Set(plans.flatMap(({ open, plan }) => (isForLater(plan) ? [] : [open.call.id])));
  return calls.filter(({ id }) => ids.has(id));
}

/** Returns the earliest time at which a call may be made again, if some call waits for a time. */
function earliestRetry(results: readonly CallProgress[]): number | undefined {
  const times = results.flatMap((one) => (typeof one === 'object' ? [one.retryAt] : []));
  return times.length > 0 ? Math.min(...times) : undefined;
}

/** Waits for a time: a short time here, a longer one as a parked run. */
async function waitUntil(time: number, run: HeldRun, world: RuntimeDependencies): Promise<void> {
  const delay_ms = Math.ceil(time - Date.now());
  if (delay_ms > PARK_AFTER_MS) {
    await run.commit([], { status: 'waiting', waiting_for: 'timer', delay_ms });
  } else {
    await world.sleep(delay_ms, run.abort.signal);
  }
}

/**
 * Follows the plans of one call until it ends or needs no action now. Returns early if the call
 * must wait longer than PARK_AFTER_MS, or if the run is paused or no longer held.
 */
async function advanceCall(
  call: ToolCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<CallProgress> {
  for (;;) {
    const plans = await plansOf(run);
    const planned = plans.find(({ open }) => open.call.id === call.id);
    if (!planned || isForLater(planned.plan) || run.abort.signal.aborted || !run.isHeld) {
      return 'done';
    }
    const progress = await followPlan(planned.plan, planned.open, run, world);
    if (progress === 'at_limit' || run.isPauseRequested) {
      return progress;
    }
    if (progress !== 'done') {
      const delay_ms = progress.retryAt - Date.now();
      if (delay_ms > PARK_AFTER_MS) return progress;
      await world.sleep(Math.ceil(delay_ms), run.abort.signal);
    }
  }
}

/** Returns true if the plan needs no action now. */
function isForLater(plan: CallPlan): plan is Later {
  return plan.do === 'wait' || plan.do === 'hand_over';
}

async function followPlan(
  plan: Exclude<CallPlan, Later>,
  open: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<CallProgress> {
  // A call may get the plan `tell` or `spawn` only after commitWithoutCalling, as when the result
  // of another call lowers the trust of the run.
  switch (plan.do) {
    case 'tell':
      await run.commit(resultSteps(plan, open, run));
      return 'done';
    case 'ask':
      if (plan.question.kind === 'approval') {
        return requestApproval(plan, open, run, world);
      }
      await askQuestion(plan.tool, plan.question, open, run);
      return 'done';
    case 'spawn':
      await run.commit(await childStartSteps(plan, open, run));
      return 'done';
    case 'run':
      return callWithinToolLimits(plan, open, run, world);
  }
}

/**
 * Makes a call, but not before the time that the previous attempt set, whichever worker made that
 * attempt. The time is read from the log, because a timer may be lost. The call also waits until
 * the limits of the tool allow it.
 */
async function callWithinToolLimits(
  plan: Extract<CallPlan, { do: 'run' }>,
  open: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<CallProgress> {
  if (open.retryAt !== undefined && open.retryAt > Date.now()) {
    return { retryAt: open.retryAt };
  }
  const admission = await run.limits.begin({ tool: plan.tool });
  if (admission === 'full') {
    return 'at_limit';
  }
  if (admission === 'stale') {
    run.relinquish();
    return 'done';
  }
  try {
    return await makeCall(plan, open, run, world);
  } finally {
    await admission.end();
  }
}
