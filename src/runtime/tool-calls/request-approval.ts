import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { Preview } from '../../contracts/runs/preview.ts';
import type { JsonObject } from '../../json/json.ts';
import { failpoint } from '../environment/failpoints.ts';
import type { World } from '../environment/world.ts';
import type { HeldRun } from '../owned-run/held-run.ts';
import { rejectCall } from '../tool-invocation/filtered-output.ts';
import { previewCall } from '../tool-invocation/preview-call.ts';
import { retryAt, toolCallRecord } from '../tool-invocation/tool-call-record.ts';
import { approvalQuestion } from '../tool-plans/approval-question.ts';
import type { OpenCall } from '../tool-plans/open-calls.ts';
import { questionStep, toolStartedStep } from '../tool-plans/step-records.ts';
import type { CallPlan } from '../tool-plans/tool-call-plan.ts';
import { policyVerdict } from '../tool-plans/tool-policy.ts';

/** Leave that is never leave for what then happens is not asked for any more. */
const MOST_TIMES = 3;

type Asking = Pick<Extract<CallPlan, { do: 'ask' }>, 'tool' | 'args' | 'question'>;

/**
 * Asks people whether a call may be made, and shows them what it would do where that can be tried. When trying fails, so
 * would the call: then its error is its result and nobody is asked; nor is anybody asked about what filters would not let
 * out. Gives the moment of the next attempt, 0 without.
 */
export async function requestApproval(
  { tool, args: asked_args, question: first }: Asking,
  open: OpenCall,
  run: HeldRun,
  world: World,
): Promise<number> {
  if (open.notBefore > Date.now()) {
    return open.notBefore;
  }
  const started_at = new Date().toISOString();
  const look = await run.applyOutputFilters(tool, asked_args, open.call.id);
  if (look.isBlocked) {
    await rejectCall(tool.name, asked_args, look, open, run, started_at);
    return 0;
  }
  const args = look.value;
  const question =
    look.guards.length > 0
      ? approvalQuestion(tool, args, open, policyVerdict(tool, run.state))
      : first;
  const tried = await previewCall(tool, args, run, world);
  if (run.abort.signal.aborted) {
    return 0; // not ours any more: nothing may be committed
  }
  if (tried && !tried.ok) {
    return tell(tool, args, tried.error, started_at, open, run, world);
  }
  if (tried) {
    await failpoint('dry_run.after');
  }
  const { preview, dryRun } = tried?.value ?? {};
  const untried = open.timesAsked > 0 ? { ...NOT_TRIED, arguments: args } : undefined;
  const found = dryRun ?? untried;
  await run.commit([
    questionStep(preview ? shown(question, preview) : question, found ? { dry_run: found } : {}),
    ...look.guards,
  ]);
  return 0;
}

/** What people cannot see, and nobody compares later, they are told of in words: leave is for whatever the call does there. */
function shown(question: Asking['question'], preview: Preview): Asking['question'] {
  const hidden = preview.tables.filter(({ left_out }) => left_out).map(({ table }) => table);
  const words = `What it changes in ${hidden.join(', ')} is counted, but neither shown whole nor compared when the call is made.`;
  const prompt = hidden.length > 0 ? `${question.prompt} ${words}` : question.prompt;
  return { ...question, prompt, preview };
}

const NOT_TRIED = { digest: null, ignored: { columns: {}, result: [] } };

/** The call turned out to do something else than what was allowed, and was undone. */
export function requestApprovalAgain(
  tool: ToolDefinition,
  args: JsonObject,
  open: OpenCall,
  run: HeldRun,
  world: World,
): Promise<number> {
  if (open.timesAsked < MOST_TIMES) {
    const question = approvalQuestion(tool, args, open, policyVerdict(tool, run.state));
    return requestApproval({ tool, args, question }, open, run, world);
  }
  const message = `${tool.name} was allowed ${open.timesAsked} times, and would have done something else than what was shown each time; it is not asked about again`;
  const error: RunError = { code: 'rejected', message, retryable: false };
  return tell(tool, args, error, new Date().toISOString(), open, run, world);
}

async function tell(
  tool: ToolDefinition,
  args: JsonObject,
  error: RunError,
  started_at: string,
  open: OpenCall,
  run: HeldRun,
  world: World,
): Promise<number> {
  const intent = toolStartedStep(tool, args, open, `${run.id}:${open.asked_seq}:${open.call.id}`);
  const by = { random: world.random, settings: run.limits.settings };
  const step = toolCallRecord(tool, open, { ok: false, error }, intent, started_at, by);
  await run.commit([step]);
  return retryAt(step);
}
