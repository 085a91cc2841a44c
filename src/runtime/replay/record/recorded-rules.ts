import type { ExportedMessage, ExportedStep } from '../../../contracts/runs/exported-run.ts';
import type { RunSettings } from '../../../contracts/runs/run-settings.ts';
import { isJsonObject } from '../../../json/json.ts';

// The rules and settings under which a step was made, as far as the step shows them.

/**
 * Returns the reason why a call was refused whose tool had been withdrawn. The step is the first
 * step of the call.
 */
export function recordedWithdrawal({ error }: ExportedStep): string | undefined {
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

/** Limit for a result that was sent whole, so that the result is sent whole again. */
const MAX_BYTES = 1_048_576;

/** Returns the settings under which a step was made, as far as the step shows them. */
export function recordedSettings(
  { input }: Pick<ExportedStep, 'input'>,
  [message]: readonly Pick<ExportedMessage, 'content'>[],
): RunSettings {
  const { attempts, retry_for = 0 } = (input ?? {}) as { attempts?: number; retry_for?: number };
  const shown = /\n\[cut off: this result has \d+ bytes, (\d+) are shown\]$/.exec(
    message?.content ?? '',
  )?.[1];
  return {
    tool_result_bytes: shown === undefined ? MAX_BYTES : Number(shown),
    ...(attempts === undefined ? {} : { model_attempts: attempts }),
    retry_for,
  };
}
