import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { NewQuestion } from '../../contracts/runs/step.ts';
import type { JsonObject } from '../../json/json.ts';
import type { OpenCall } from './open-calls.ts';
import { questionForCall } from './questions.ts';
import { formatArguments } from './tool-call-plan.ts';
import type { PolicyVerdict } from './tool-policy.ts';

/**
 * Builds the question whether a call may be made. When the call turned out to do something else
 * than what was approved before, the question says so. When a policy requires the approval, the
 * question gives the reason.
 */
export function approvalQuestion(
  tool: ToolDefinition,
  args: JsonObject,
  open: OpenCall,
  verdict: PolicyVerdict | undefined,
): Omit<NewQuestion, 'id'> {
  const sentences = [
    `Approve ${tool.name}(${formatArguments(args)})?`,
    ...(open.approvalQuestions > 0 ? ['Its effect has changed since the last preview.'] : []),
    ...(verdict ? [verdict.text] : []),
  ];
  const question = questionForCall('approval', tool, open, args, sentences.join(' '));
  return verdict ? { ...question, reason: verdict.reason } : question;
}
