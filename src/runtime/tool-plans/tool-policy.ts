import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { RunState } from '../../contracts/runs/action.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import { isTrustedAsFar } from '../../contracts/runs/trust.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { reasonOfTrust } from '../owned-run/trust.ts';

/** What a policy wants of a call, and why. */
export type PolicyVerdict = { decision: 'ask' | 'deny'; text: string; reason: JsonObject };

/** Undefined where the run may call the tool as far as policies go, or somebody has allowed it for runs like this. */
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

/** What the model is told of a call that a policy denies. */
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

/** A policy that denied a call has spoken. */
export function policyGuard(outcome: ToolOutcome): StepRecord[] {
  return isDenial(outcome)
    ? [{ kind: 'guard', name: 'tool_policy', output: { message: outcome.error.message } }]
    : [];
}
