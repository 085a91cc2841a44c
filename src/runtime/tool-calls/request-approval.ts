import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { Preview } from '../../contracts/runs/preview.ts';
import type { JsonObject } from '../../json/json.ts';
import { failpoint } from '../environment/failpoints.ts';
import type { RuntimeDependencies } from '../environment/world.ts';
import type { HeldRun } from '../owned-run/held-run.ts';
import { rejectCall } from '../tool-invocation/filtered-output.ts';
import { previewCall } from '../tool-invocation/preview-call.ts';
import { retryAt, toolCallRecord } from '../tool-invocation/tool-call-record.ts';
import { approvalQuestion } from '../tool-plans/approval-question.ts';
import type { OpenCall } from '../tool-plans/open-calls.ts';
import { questionStep, toolStartedStep } from '../tool-plans/step-records.ts';
import type { CallPlan } from '../tool-plans/tool-call-plan.ts';
import { policyVerdict } from '../tool-plans/tool-policy.ts';

/**
 * Maximum number of approval questions for a call whose effects never are those that were approved.
 */
const MOST_TIMES = 3;

type Asking = Pick<Extract<CallPlan, { do: 'ask' }>, 'tool' | 'args' | 'question'>;

/**
 * Asks people whether a call may be made, and shows them its effects where a dry run is possible.
 * When the dry run fails, the call would fail too: its error becomes its result, and nobody is
 * asked. Nobody is asked about a call that the output filters block. Returns the time of the next
 * attempt, or 0 when there is none.
 */
export async function requestApproval(
  { tool, args: requested_args, question: first }: Asking,
  open: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<number> {
  if (open.notBefore > Date.now()) {
    return open.notBefore;
  }
  const started_at = new Date().toISOString();
  const look = await run.applyOutputFilters(tool, requested_args, open.call.id);
  if (look.isBlocked) {
    await rejectCall(tool.name, requested_args, look, open, run, started_at);
    return 0;
  }
  const args = look.value;
  const question =
    look.guards.length > 0
      ? approvalQuestion(tool, args, open, policyVerdict(tool, run.state))
      : first;
  const tried = await previewCall(tool, args, run, world);
  if (run.abort.signal.aborted) {
    return 0; // the run is no longer held: nothing may be committed
  }
  if (tried && !tried.ok) {
    return tell(tool, args, tried.error, started_at, open, run, world);
  }
  if (tried) {
    await failpoint('dry_run.after');
  }
  const { preview, dryRun } = tried?.value ?? {};
  const untried = open.approvalQuestions > 0 ? { ...NOT_TRIED, arguments: args } : undefined;
  const found = dryRun ?? untried;
  await run.commit([
    questionStep(preview ? shown(question, preview) : question, found ? { dry_run: found } : {}),
    ...look.guards,
  ]);
  return 0;
}

/**
 * Adds a preview to a question. The prompt names the tables that the preview leaves out, because
 * people cannot see their changes and nobody compares these later. An approval covers whatever the
 * call does in these tables.
 */
function shown(question: Asking['question'], preview: Preview): Asking['question'] {
  const hidden = preview.tables.filter(({ left_out }) => left_out).map(({ table }) => table);
  const words = `What it changes in ${hidden.join(', ')} is counted, but neither shown whole nor compared when the call is made.`;
  const prompt = hidden.length > 0 ? `${question.prompt} ${words}` : question.prompt;
  return { ...question, prompt, preview };
}

const NOT_TRIED = { digest: null, ignored: { columns: {}, result: [] } };

/** Asks again about a call that did something else than what was approved, and was undone. */
export function requestApprovalAgain(
  tool: ToolDefinition,
  args: JsonObject,
  open: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<number> {
  if (open.approvalQuestions < MOST_TIMES) {
    const question = approvalQuestion(tool, args, open, policyVerdict(tool, run.state));
    return requestApproval({ tool, args, question }, open, run, world);
  }
  const message = `${tool.name} was allowed ${open.approvalQuestions} times, and would have done something else than what was shown each time; it is not asked about again`;
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
  world: RuntimeDependencies,
): Promise<number> {
  const intent = toolStartedStep(tool, args, open, `${run.id}:${open.asked_seq}:${open.call.id}`);
  const by = { random: world.random, settings: run.limits.settings };
  const step = toolCallRecord(tool, open, { ok: false, error }, intent, started_at, by);
  await run.commit([step]);
  return retryAt(step);
}
