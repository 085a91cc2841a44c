import type { StepRecord } from '../../contracts/runs/step.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { plansOf } from '../tool-plans/plan-tool-calls.ts';
import { toolResultStep } from '../tool-plans/step-records.ts';
import type { CallPlan, PlannedCall } from '../tool-plans/tool-call-plan.ts';
import { commitBlockedCall } from './blocked-call.ts';
import { handoffTranscript, withTranscript } from './handoff-transcript.ts';

type Handoff = PlannedCall & { plan: Extract<CallPlan, { do: 'hand_over' }> };

/** Returns the handoffs of the last answer, once nothing else of the answer is left to do. */
export async function handoffsOf(run: HeldRun): Promise<Handoff[]> {
  const planned = await plansOf(run);
  const handoffs = planned.filter((one): one is Handoff => one.plan.do === 'hand_over');
  return handoffs.length === planned.length ? handoffs : [];
}

/**
 * Gives the run to another agent, with one commit. The run is then released: the worker that claims
 * it next, perhaps this one, reads the version that has the run now. A crash of this worker after
 * the commit therefore changes nothing.
 *
 * The output filters check everything that the other agent will read. When the filters withhold
 * something, the text that they leave replaces the conversation. When a filter blocks the handoff,
 * the model is told so, and the run continues with its present agent.
 */
export async function handOffRun(handoffs: readonly Handoff[], run: HeldRun): Promise<void> {
  const [first, ...further] = handoffs;
  if (!first) return;
  const { plan, open } = first;
  const content = { arguments: plan.args, conversation: handoffTranscript(run) };
  const filtered = await run.applyOutputFilters('message', content, open.call.id);
  if (filtered.isBlocked) {
    return commitBlockedCall(
      plan.tool.name,
      WITHHELD,
      filtered,
      open,
      run,
      new Date().toISOString(),
    );
  }
  const { arguments: args, conversation } = filtered.value;
  const isUnchanged = canonicalJson(filtered.value) === canonicalJson(content);
  const guardSteps = isUnchanged
    ? filtered.guardSteps
    : // at most one guard step
      filtered.guardSteps.map((guard) => withTranscript(conversation, guard, run));
  const step = handoffStep({ open, plan: { ...plan, args } });
  // A timer of zero releases the run, so that the next claim reads the new version.
  await run.commit([step, ...further.map(furtherHandoffStep), ...guardSteps], {
    status: 'waiting',
    waiting_for: 'timer',
    delay_ms: 0,
  });
}

const WITHHELD = { message: '[withheld]' };
const HANDOFF_RESULT =
  'The conversation was handed over: whoever reads this has it now and goes on with it.';

/**
 * Creates the step of a handoff. The database adds the previous agent and the new agent, because it
 * knows the versions.
 */
function handoffStep({ open, plan }: Handoff): StepRecord {
  const { tool, args } = plan;
  const { reason = args.message ?? null } = args;
  return {
    kind: 'handoff',
    name: tool.name,
    call_id: open.call.id,
    input: args,
    output: { agent_id: tool.agent_id ?? null, reason },
    messages: [
      {
        role: 'tool',
        content: HANDOFF_RESULT,
        tool_call_id: open.call.id,
        parent_seq: open.requestSeq,
      },
    ],
  };
}

function furtherHandoffStep({ open, plan }: Handoff): StepRecord {
  const message = 'another handoff of the same answer was carried out; only one is possible';
  const error = { code: 'rejected', message, retryable: false } as const;
  return toolResultStep(
    open,
    plan.tool.name,
    plan.args,
    { ok: false, error },
    new Date().toISOString(),
  );
}
