import type { StepRecord } from '../../contracts/runs/step.ts';
import type { Json } from '../../json/json.ts';
import { blockedCallError } from '../held-run/filter-result.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import type { OpenCall } from '../tool-plans/open-calls.ts';
import { toolResultStep } from '../tool-plans/step-records.ts';

/** The output filter that blocked a call, with the steps that record its hits. */
type Blocked = { filter: string; guardSteps: StepRecord[] };

/** Commits the steps that tell the model that the output filters blocked its call. */
export async function commitBlockedCall(
  name: string,
  args: Json,
  blocked: Blocked,
  open: OpenCall,
  run: HeldRun,
  started_at: string,
): Promise<void> {
  await run.commit(blockedCallSteps(name, args, blocked, open, started_at));
}

/** Creates the steps that tell the model that the output filters blocked its call. */
export function blockedCallSteps(
  name: string,
  args: Json,
  { filter, guardSteps }: Blocked,
  open: OpenCall,
  started_at = new Date().toISOString(),
): StepRecord[] {
  const error = blockedCallError(`${name} was not called`, filter);
  const step = toolResultStep(open, name, args, { ok: false, error }, started_at);
  return [{ ...step, trust: 'system' }, ...guardSteps];
}
