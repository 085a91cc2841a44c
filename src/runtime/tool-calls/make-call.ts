import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { JsonObject } from '../../json/json.ts';
import { failpoint } from '../environment/failpoints.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { callInTransaction, isDatabaseTool } from '../tool-invocation/call-in-transaction.ts';
import { invokeTool } from '../tool-invocation/invoke-tool.ts';
import { previewCall } from '../tool-invocation/preview-call.ts';
import { attemptOutcomeStep, limitGuard } from '../tool-invocation/tool-call-record.ts';
import { type OpenCall, openCalls } from '../tool-plans/open-calls.ts';
import { needsStartStep } from '../tool-plans/plan-tool-calls.ts';
import { toolStartedStep } from '../tool-plans/step-records.ts';
import type { Approval, CallPlan, CallProgress } from '../tool-plans/tool-call-plan.ts';
import { commitBlockedCall } from './blocked-call.ts';
import { questionForElicitation } from './elicitation-question.ts';
import { requestApprovalAgain } from './request-approval.ts';
import { cacheToolAnswer, findCachedCall, outcomeFrom } from './tool-answer-cache.ts';

/** One attempt at a call. */
type Attempt = {
  tool: ToolDefinition;
  open: OpenCall;
  /** The arguments after the output filters. */
  args: JsonObject;
  approval: Approval | undefined;
  /** The step that records its start. It is committed only if `commitStart` needs it. */
  startStep: StepRecord;
  started_at: string;
  /** The steps that record the hits of output filters. */
  guardSteps: StepRecord[];
  /** The outcome that was last to be committed. */
  outcome?: ToolOutcome;
};

/**
 * Makes a call once, and commits its result or its failure. The output filters check the arguments
 * of a call that has not started before.
 */
export async function makeCall(
  { tool, args: requested, approval }: Extract<CallPlan, { do: 'run' }>,
  open: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<CallProgress> {
  const started_at = new Date().toISOString();
  const filtered = open.isStarted
    ? ({ isBlocked: false, value: requested, guardSteps: [] } as const)
    : await run.applyOutputFilters(tool, requested, open.call.id);
  if (filtered.isBlocked) {
    await commitBlockedCall(tool.name, requested, filtered, open, run, started_at);
    return 'done';
  }
  const { value: args, guardSteps } = filtered;
  const startStep = toolStartedStep(tool, args, open, run.id);
  const more = { approval, startStep, started_at, guardSteps: [...guardSteps] };
  return callOrAnswerFromCache({ tool, open, args, ...more }, run, world);
}

/** Commits the answer to an equal call, if the cache has one. Otherwise makes the call. */
async function callOrAnswerFromCache(
  attempt: Attempt,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<CallProgress> {
  const { tool, open, args, startStep } = attempt;
  const cacheable = await findCachedCall(tool, args, open, run, world);
  if (cacheable?.answer) {
    const { execution_id, seq } = cacheable.answer;
    const step = { ...startStep, annotations: { cached_from: { execution_id, seq } } };
    await run.commit(outcomeSteps(attempt, outcomeFrom(cacheable.answer), step, run, world));
    return 'done';
  }
  const makeIt = isDatabaseTool(tool) ? callInDatabase : callOutsideTransaction;
  const progress = await makeIt(attempt, run, world);
  if (cacheable) await cacheToolAnswer(cacheable, attempt, run, world);
  return progress;
}

/**
 * Makes a call in the transaction that commits its step. Arguments that the approver has edited are
 * previewed first. If the effects of the call are not those that were shown, asks people again.
 */
async function callInDatabase(
  attempt: Attempt,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<CallProgress> {
  const { tool, open, args, approval, startStep } = attempt;
  const preview = approval === 'edited' ? await previewCall(tool, args, run, world) : undefined;
  if (run.abort.signal.aborted) {
    return 'done'; // the run is no longer held: nothing may be committed
  }
  if (preview && !preview.ok) {
    await run.commit(outcomeSteps(attempt, preview, startStep, run, world));
    return 'done';
  }
  // Undefined if no effects were shown. Then none are compared.
  const shown = approval === 'edited' ? preview?.value.dryRun : approval?.shown;
  const call = { tool, startStep, shown, isApproved: approval !== undefined };
  await failpoint('tool.before');
  const result = await callInTransaction(call, run, world, (outcome, startedStep) =>
    outcomeSteps(attempt, outcome, startedStep, run, world),
  );
  await failpoint('tool.after');
  if (result === 'not_as_previewed') {
    return requestApprovalAgain(tool, args, open, run, world);
  }
  return result === 'ended' ? 'done' : { retryAt: Date.now() + result.waits_ms };
}

/** Makes a call in this process or on a server, and commits its result afterwards. */
async function callOutsideTransaction(
  attempt: Attempt,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<CallProgress> {
  const { tool, open, startStep } = attempt;
  const input = await commitStart(attempt, run);
  if (!input) {
    return 'done'; // refused, or the run is no longer held
  }
  await failpoint('tool.before');
  const outcome = await invokeTool(tool, input, startStep.idempotency_key ?? '', open, run, world);
  await failpoint('tool.after');
  if (run.abort.signal.aborted) {
    return 'done'; // the run is no longer held: nothing may be committed
  }
  const end =
    'ok' in outcome
      ? { outcome, guardSteps: [] }
      : await questionForElicitation(outcome.asks, tool, open, input, run);
  const startedStep = { ...startStep, input };
  await run.commit(
    'steps' in end
      ? end.steps
      : [...end.guardSteps, ...outcomeSteps(attempt, end.outcome, startedStep, run, world)],
  );
  return 'done';
}

/**
 * Commits the start of a call if its effect must not be repeated or must be compensated, or if
 * hooks check the call: hooks may change the arguments, or refuse the call. Returns the arguments
 * of the call that may be made. A call that was started before, by a worker that is gone, was
 * already checked by the hooks.
 */
async function commitStart(
  { tool, open, args, startStep }: Attempt,
  run: HeldRun,
): Promise<JsonObject | undefined> {
  if (open.isStarted) {
    return open.startArguments as JsonObject;
  }
  if (!needsStartStep(tool) && !run.hooks?.hasHook('tool_before')) {
    return args;
  }
  await run.commit([startStep]);
  const started = openCalls(run.state).find(({ call }) => call.id === open.call.id);
  return run.isHeld && started?.isStarted ? (started.startArguments as JsonObject) : undefined;
}

/** Creates the steps that record the outcome of an attempt. */
function outcomeSteps(
  attempt: Attempt,
  outcome: ToolOutcome,
  startedStep: StepRecord,
  run: HeldRun,
  { random }: RuntimeDependencies,
): StepRecord[] {
  const { tool, open, started_at, guardSteps } = attempt;
  attempt.outcome = outcome;
  const retryInputs = { random, settings: run.limits.settings };
  const annotations = { ...startedStep.annotations, ...run.progress.take(open.call.id) };
  const started =
    Object.keys(annotations).length > 0 ? { ...startedStep, annotations } : startedStep;
  const step = attemptOutcomeStep(tool, open, outcome, started, started_at, retryInputs);
  return [step, ...limitGuard(tool, step), ...guardSteps];
}
