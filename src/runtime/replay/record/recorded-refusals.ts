import type { ExportedMessage, ExportedStep } from '../../../contracts/runs/exported-run.ts';
import type { LoggedMessage } from '../../../contracts/runs/message.ts';
import { isJsonObject } from '../../../json/json.ts';

/**
 * Returns the reason why a call was refused whose tool had been withdrawn. The step is the first
 * step of the call.
 */
export function reasonOf({ error }: ExportedStep): string | undefined {
  const cause = error?.cause;
  return isJsonObject(cause ?? null) ? (cause as { withdrawn?: string }).withdrawn : undefined;
}

/** Returns the decision of a policy about a call. The step is the first step of the call. */
export function recordedPolicy({ kind, input, error }: ExportedStep): 'ask' | 'deny' | undefined {
  const questionReason = isJsonObject(input) && kind === 'question' ? input.reason : undefined;
  const cause = questionReason ?? error?.cause ?? null;
  const policy = isJsonObject(cause) ? cause.policy : undefined;
  return policy === 'ask' || policy === 'deny' ? policy : undefined;
}

/** Returns a message in the form that a claim has. Fields without a value are absent. */
export function toLoggedMessage(message: ExportedMessage): LoggedMessage {
  const { seq, step_seq, role, content, parts, tool_calls, tool_call_id } = message;
  const { covers_from_seq, covers_to_seq } = message;
  const trust = message.trust === 'external' ? message.trust : undefined;
  const others = {
    step_seq,
    parts,
    tool_calls,
    tool_call_id,
    covers_from_seq,
    covers_to_seq,
    trust,
  };
  const known = Object.entries(others).filter(([, value]) => value !== null && value !== undefined);
  return { seq, role, content, ...Object.fromEntries(known) };
}
