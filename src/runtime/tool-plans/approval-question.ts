import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { NewQuestion } from '../../contracts/runs/step.ts';
import type { JsonObject } from '../../json/json.ts';
import type { OpenCall } from './open-calls.ts';
import { questionForCall } from './questions.ts';
import { readable } from './tool-call-plan.ts';
import type { PolicyVerdict } from './tool-policy.ts';

/**
 * May it be called? Once more, where it turned out to do something else than what was allowed; and why, where a policy wants
 * that to be asked.
 */
export function approvalQuestion(
  tool: ToolDefinition,
  args: JsonObject,
  open: OpenCall,
  verdict: PolicyVerdict | undefined,
): Omit<NewQuestion, 'id'> {
  const sentences = [
    `May ${tool.name} be called with ${readable(args)}?`,
    ...(open.timesAsked > 0 ? ['It would do something else than what was shown before.'] : []),
    ...(verdict ? [verdict.text] : []),
  ];
  const question = questionForCall('approval', tool, open, args, sentences.join(' '));
  return verdict ? { ...question, reason: verdict.reason } : question;
}
