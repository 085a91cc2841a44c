import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { RunState } from '../../contracts/runs/action.ts';
import type { JsonObject } from '../../json/json.ts';
import { approvalQuestion } from './approval-question.ts';
import type { OpenCall, QuestionAnswer } from './open-calls.ts';
import { type CallPlan, errorPlan } from './tool-call-plan.ts';
import { denial, policyVerdict } from './tool-policy.ts';

/**
 * Rejects a call of a tool that was withdrawn since, or that a policy denies to the run. Returns
 * undefined when the call is allowed, or when the call has already started: a started call is
 * completed. A call that a person wants to be made again counts as not started.
 */
export function rejectForbidden(
  tool: ToolDefinition,
  args: JsonObject,
  open: OpenCall,
  state: RunState,
): CallPlan | undefined {
  const { rules } = state;
  const reason = rules.withdrawn[tool.name];
  const verdict = policyVerdict(tool, state);
  const { effect } = open.answers;
  if (hasStarted(open) || (effect && effect.answer !== 'again')) {
    return undefined;
  }
  if (!reason) {
    return verdict?.decision === 'deny'
      ? errorPlan(tool.name, args, denial(tool, verdict))
      : undefined;
  }
  const message = `${tool.name} may not be called any more: ${reason}`;
  const cause = { withdrawn: reason };
  return errorPlan(tool.name, args, { code: 'rejected', message, retryable: false, cause });
}

/**
 * Returns the question or the error of a call that needs approval. Returns undefined when the call
 * may be made.
 */
export function requireApproval(
  tool: ToolDefinition,
  args: JsonObject,
  open: OpenCall,
  state: RunState,
): CallPlan | undefined {
  const approval = open.answers.approval;
  if (approval?.answer === 'approve') {
    return undefined;
  }
  if (approval) {
    return errorPlan(
      tool.name,
      args,
      {
        code: 'rejected',
        message: rejection(approval),
        retryable: false,
      },
      'user',
    );
  }
  const needsApproval = tool.requires_approval || state.rules.asked.includes(tool.name);
  const verdict = hasStarted(open) || open.answers.effect ? undefined : policyVerdict(tool, state);
  if (!verdict && (!needsApproval || state.rules.approved.includes(tool.name))) {
    return undefined;
  }
  return { do: 'ask', tool, args, question: approvalQuestion(tool, args, open, verdict) };
}

/**
 * Returns true when the call was already allowed to start. Data that the run has read since then
 * does not withdraw that permission.
 */
function hasStarted({ isStarted, answers, isWithChild, childEnd }: OpenCall): boolean {
  return isStarted || answers.question !== undefined || isWithChild || childEnd !== undefined;
}

function rejection({ by, data, status }: QuestionAnswer): string {
  if (status === 'expired') {
    return 'the approval of this call expired';
  }
  const reason = typeof data === 'string' ? data : data === null ? '' : JSON.stringify(data);
  return `${by} did not allow this call${reason && `: ${reason}`}`;
}
