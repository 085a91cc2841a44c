import { v7 as uuidV7 } from 'uuid';
import type { ToolCall } from '../../contracts/runs/message.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { overridesIn } from '../held-run/overrides.ts';
import type { OpenCall } from '../tool-plans/open-calls.ts';
import { plansOf } from '../tool-plans/plan-tool-calls.ts';
import { toolResultStep } from '../tool-plans/step-records.ts';
import type { CallPlan } from '../tool-plans/tool-call-plan.ts';
import { policyGuard } from '../tool-plans/tool-policy.ts';
import { blockedCallSteps } from './blocked-call.ts';

type Tell = Extract<CallPlan, { do: 'tell' }>;
type Spawn = Extract<CallPlan, { do: 'spawn' }>;

/**
 * Maximum number of plans prepared at once. A child costs one statement if the tenant has output
 * filters.
 */
const MAX_AT_ONCE = 16;

/**
 * Commits, in one transaction, the calls that run no tool: known results, such as the ends of
 * children, and the starts of children. With a commit for each call, an answer with a thousand
 * calls would plan all calls a thousand times. Stops when the run is no longer held.
 */
export async function commitWithoutCalling(
  calls: readonly ToolCall[],
  run: HeldRun,
): Promise<void> {
  const ids = new Set(calls.map(({ id }) => id));
  const planned = (await plansOf(run)).filter(
    ({ open, plan }) => ids.has(open.call.id) && (plan.do === 'tell' || plan.do === 'spawn'),
  );
  const isOver = () => !run.isHeld || run.abort.signal.aborted;
  const steps: StepRecord[][] = [];
  const rest = planned.entries(); // shared by all loops below: each entry is taken once
  const addStepsOfRest = async () => {
    for (const [index, { plan, open }] of rest) {
      if (isOver()) return;
      if (plan.do === 'tell') steps[index] = resultSteps(plan, open, run);
      if (plan.do === 'spawn') steps[index] = await childStartSteps(plan, open, run);
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_AT_ONCE, planned.length) }, addStepsOfRest));
  const records = steps.flat(); // in the order of the calls
  if (records.length > 0 && !isOver()) await run.commit(records);
}

/** Returns the steps that give the model a known result. */
export function resultSteps(
  { name, input, outcome }: Tell,
  open: OpenCall,
  run: HeldRun,
): StepRecord[] {
  const started_at = new Date().toISOString();
  const step = toolResultStep(open, name, input, outcome, started_at, run.limits.settings);
  return [{ ...step, trust: outcome.trust ?? 'system' }, ...policyGuard(outcome)];
}

/**
 * Returns the steps that start the child of a call, or the steps that report that the output
 * filters blocked it.
 */
export async function childStartSteps(
  { tool, message: requested }: Spawn,
  open: OpenCall,
  run: HeldRun,
): Promise<StepRecord[]> {
  const call_id = open.call.id;
  const filtered = await run.applyOutputFilters(tool, { message: requested }, call_id);
  if (filtered.isBlocked) {
    return blockedCallSteps(tool.name, { message: '[withheld]' }, filtered, open);
  }
  const { agent_id, workflow_id, configuration } = tool;
  const { message } = filtered.value;
  const child = {
    id: uuidV7(),
    ...(workflow_id ? { workflow_id } : { agent_id: agent_id as string }),
    call_id,
    input: message,
    ...overridesIn(configuration),
  };
  const started: StepRecord = {
    kind: 'child_started',
    name: tool.name,
    call_id,
    input: { message },
    output: { execution_id: child.id },
    child,
  };
  return [started, ...filtered.guardSteps];
}
