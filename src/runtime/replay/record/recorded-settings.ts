import type { ExportedMessage, ExportedStep } from '../../../contracts/runs/exported-run.ts';
import type { RunSettings } from '../../../contracts/runs/run-settings.ts';

/** A result that was told whole is told whole again. */
const MOST_BYTES = 1_048_576;

/** The settings a step was made under, as far as it tells of them. */
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
