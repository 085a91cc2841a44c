import type { ToolOutcome } from '../contracts/agents/tool.ts';
import type { RunError } from '../contracts/errors.ts';
import type { Json } from '../json/json.ts';
import { firstBytes } from '../text/truncate.ts';

/**
 * The default limit of a result for the model, in bytes. A longer result is truncated, and its text
 * says so.
 */
export const RESULT_LIMIT_BYTES = 65_536;

/**
 * The limits in the configuration of a tool and in the settings. Both were checked when they were
 * written.
 */
export type ResultLimits = { max_result_bytes?: Json | undefined; tool_result_bytes?: number };

export function resultLimit({ max_result_bytes, tool_result_bytes }: ResultLimits): number {
  return typeof max_result_bytes === 'number'
    ? max_result_bytes
    : (tool_result_bytes ?? RESULT_LIMIT_BYTES);
}

/**
 * Returns the result of a call for the model: a text unchanged, any other value as JSON. Errors
 * always have the same form.
 */
export function resultText(outcome: ToolOutcome, limit = RESULT_LIMIT_BYTES): string {
  const text = outcome.ok
    ? (outcome.text ?? plain(outcome.value))
    : JSON.stringify({ error: describeError(outcome.error) });
  return truncateResult(text, limit);
}

/** Returns whether the model or the log gets only the beginning of a result. */
export function isTruncated(outcome: ToolOutcome, limit: number): boolean {
  const texts = outcome.ok ? [plain(outcome.value), resultText(outcome, Infinity)] : [];
  return texts.some((text) => Buffer.byteLength(text) > limit);
}

/** Returns the result for the log: the value if it is small, and otherwise the truncated text. */
export function loggedResult(value: Json, limit = RESULT_LIMIT_BYTES): Json {
  const text = plain(value);
  return Buffer.byteLength(text) <= limit ? value : truncateResult(text, limit);
}

function plain(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function describeError(error: RunError): Json {
  const { code, message, retryable, cause } = error;
  return { code, message, retryable, ...(cause === undefined ? {} : { details: cause }) };
}

function truncateResult(text: string, limit: number): string {
  const bytes = Buffer.byteLength(text);
  if (bytes <= limit) {
    return text;
  }
  const beginning = firstBytes(text, limit - 100);
  return `${beginning}\n[cut off: this result has ${bytes} bytes, ${limit} are shown]`;
}
