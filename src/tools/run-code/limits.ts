import type { Outcome } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import type { CodeLimits } from './job.ts';

/**
 * The limits in the configuration of run_code. `howdah_private.builtin_settings` has the same
 * values.
 */
export const CODE_LIMITS = {
  timeout_ms: { least: 100, most: 60_000, usual: 10_000 },
  memory_mb: { least: 32, most: 512, usual: 64 },
} as const;

/**
 * Returns the limits of a call from its tool's configuration. A value out of range is rejected,
 * whatever its source.
 */
export function limitsIn(configuration: JsonObject): Outcome<CodeLimits> {
  const limits: CodeLimits = { timeout_ms: 0, memory_mb: 0 };
  for (const name of ['timeout_ms', 'memory_mb'] as const) {
    const { least, most, usual } = CODE_LIMITS[name];
    const value: Json = configuration[name] ?? usual;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      const message = `the tool's configuration.${name} must be a whole number from ${least} to ${most}`;
      return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
    }
    limits[name] = value;
  }
  return { ok: true, value: limits };
}
