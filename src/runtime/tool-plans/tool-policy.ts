import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { RunState } from '../../contracts/runs/action.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import { isTrustedAsFar } from '../../contracts/runs/trust.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { reasonOfTrust } from '../held-run/trust.ts';

/** Decision of a policy about a call, with the reason. */
export type PolicyVerdict = { decision: 'ask' | 'deny'; text: string; reason: JsonObject };

/**
 * Returns the decision of a policy about a call. Returns undefined when no policy restricts the
 * call, or when somebody has approved the tool for runs with this level of trust.
 */
export function policyVerdict(tool: ToolDefinition, state: RunState): PolicyVerdict | undefined {
  const { rules, trust } = state;
  const decision = rules.decided[tool.name]?.[trust];
  const approvedFor = rules.approved_for[tool.name];
  if (!decision || (decision === 'ask' && approvedFor && isTrustedAsFar(trust, approvedFor))) {
    return undefined;
  }
  const { text, ...source } = reasonOfTrust(state);
  return { decision, text, reason: { policy: decision, trust, ...source } };
}

/** Returns the error that the model reads when a policy denies a call. */
export function denial(tool: ToolDefinition, { text, reason }: PolicyVerdict): RunError {
  return {
    code: 'rejected',
    message: `${tool.name} may not be called now: a policy forbids it. ${text}`,
    retryable: false,
    cause: {
      ...reason,
      sqlstate: 'HWDEN',
      hint: 'Go on without it, and say in your answer what is left to do.',
    },
  };
}

function isDenial(outcome: ToolOutcome): outcome is ToolOutcome & { ok: false } {
  const cause = outcome.ok ? null : (outcome.error.cause ?? null);
  return isJsonObject(cause) && cause.policy === 'deny' && cause.sqlstate === 'HWDEN';
}

/** Returns the guard step of a call that a policy denied, or nothing for other outcomes. */
export function policyGuard(outcome: ToolOutcome): StepRecord[] {
  return isDenial(outcome)
    ? [{ kind: 'guard', name: 'tool_policy', output: { message: outcome.error.message } }]
    : [];
}
