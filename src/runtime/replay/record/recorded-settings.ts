import type { ExportedMessage, ExportedStep } from '../../../contracts/runs/exported-run.ts';
import type { RunSettings } from '../../../contracts/runs/run-settings.ts';

/** Limit for a result that was sent whole, so that the result is sent whole again. */
const MOST_BYTES = 1_048_576;

/** Returns the settings under which a step was made, as far as the step shows them. */
export function recordedSettings(
  { input }: Pick<ExportedStep, 'input'>,
  [message]: readonly Pick<ExportedMessage, 'content'>[],
): RunSettings {
  const { attempts } = (input ?? {}) as { attempts?: number };
  const shown = /\n\[cut off: this result has \d+ bytes, (\d+) are shown\]$/.exec(
    message?.content ?? '',
  )?.[1];
  return {
    tool_result_bytes: shown === undefined ? MOST_BYTES : Number(shown),
    ...(attempts === undefined ? {} : { model_attempts: attempts }),
  };
}
