import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { Preview } from '../../contracts/runs/preview.ts';
import type { JsonObject } from '../../json/json.ts';
import { failpoint } from '../environment/failpoints.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { previewCall } from '../tool-invocation/preview-call.ts';
import { attemptOutcomeStep } from '../tool-invocation/tool-call-record.ts';
import { approvalQuestion } from '../tool-plans/approval-question.ts';
import type { OpenCall } from '../tool-plans/open-calls.ts';
import { questionStep, toolStartedStep } from '../tool-plans/step-records.ts';
import type { CallPlan, CallProgress } from '../tool-plans/tool-call-plan.ts';
import { policyVerdict } from '../tool-plans/tool-policy.ts';
import { commitBlockedCall } from './blocked-call.ts';

/**
 * Maximum number of approval questions about one call. People are asked again if the effects of the
 * call differ from those they approved.
 */
const MAX_APPROVAL_QUESTIONS = 3;

type Asking = Pick<Extract<CallPlan, { do: 'ask' }>, 'tool' | 'args' | 'question'>;

/**
 * Asks people whether a call may be made, and shows them its effects where a dry run is possible.
 * When the dry run fails, the call would fail too: its error becomes its result, and nobody is
 * asked. Nobody is asked about a call that the output filters block.
 */
export async function requestApproval(
  { tool, args: requested_args, question: first }: Asking,
  open: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<CallProgress> {
  if (open.retryAt !== undefined && open.retryAt > Date.now()) {
    return { retryAt: open.retryAt };
  }
  const started_at = new Date().toISOString();
  const filtered = await run.applyOutputFilters(tool, requested_args, open.call.id);
  if (filtered.isBlocked) {
    await commitBlockedCall(tool.name, requested_args, filtered, open, run, started_at);
    return 'done';
  }
  const args = filtered.value;
  const question =
    filtered.guardSteps.length > 0
      ? approvalQuestion(tool, args, open, policyVerdict(tool, run.state))
      : first;
  const outcome = await previewCall(tool, args, run, world);
  if (run.abort.signal.aborted) {
    return 'done'; // the run is no longer held: nothing may be committed
  }
  if (outcome && !outcome.ok) {
    return commitFailure(tool, args, outcome.error, started_at, open, run, world);
  }
  if (outcome) {
    await failpoint('dry_run.after');
  }
  const { preview, dryRun } = outcome?.value ?? {};
  const isRepeated = open.approvalQuestions > 0;
  const recordedDryRun = dryRun ?? (isRepeated ? { ...EMPTY_DRY_RUN, arguments: args } : undefined);
  await run.commit([
    questionStep(
      preview ? withPreview(question, preview) : question,
      recordedDryRun ? { dry_run: recordedDryRun } : {},
    ),
    ...filtered.guardSteps,
  ]);
  return 'done';
}

/**
 * Adds a preview to a question. The prompt names the tables of which the preview leaves out rows,
 * because people cannot see all changes there, and later only their number is compared.
 */
function withPreview(question: Asking['question'], preview: Preview): Asking['question'] {
  const hidden = preview.tables.filter(({ left_out }) => left_out).map(({ table }) => table);
  const words = `Not all changes in ${hidden.join(', ')} are shown, and only their number is checked again when the call is made.`;
  const prompt = hidden.length > 0 ? `${question.prompt} ${words}` : question.prompt;
  return { ...question, prompt, preview };
}

/**
 * The dry run of a repeated question if no dry run was possible. The question records it with the
 * arguments of the call, which the approver may have edited. Its null digest means that no effects
 * are compared.
 */
const EMPTY_DRY_RUN = { digest: null, ignored: { columns: {}, result: [] } };

/** Asks again about a call that did something else than what was approved, and was undone. */
export function requestApprovalAgain(
  tool: ToolDefinition,
  args: JsonObject,
  open: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<CallProgress> {
  if (open.approvalQuestions < MAX_APPROVAL_QUESTIONS) {
    const question = approvalQuestion(tool, args, open, policyVerdict(tool, run.state));
    return requestApproval({ tool, args, question }, open, run, world);
  }
  const message = `${tool.name} was approved ${open.approvalQuestions} times, but each time its effects differed from those shown; people are not asked again`;
  const error: RunError = { code: 'rejected', message, retryable: false };
  return commitFailure(tool, args, error, new Date().toISOString(), open, run, world);
}

/** Commits the failure of a call that was not made. */
async function commitFailure(
  tool: ToolDefinition,
  args: JsonObject,
  error: RunError,
  started_at: string,
  open: OpenCall,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<CallProgress> {
  const startStep = toolStartedStep(tool, args, open, run.id);
  const retryInputs = { random: world.random, settings: run.limits.settings };
  const step = attemptOutcomeStep(
    tool,
    open,
    { ok: false, error },
    startStep,
    started_at,
    retryInputs,
  );
  await run.commit([step]);
  return 'done';
}
