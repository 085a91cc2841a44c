import type { ToolOutcome } from '../contracts/agents/tool.ts';
import type { RunError } from '../contracts/errors.ts';
import type { Json } from '../json/json.ts';

/** Bytes of a result the model is told; what is beyond is cut off, and the text says so. */
export const RESULT_LIMIT_BYTES = 65_536;

/** What a tool's configuration says, and what settings do; both were checked when they were written. */
export type ResultLimits = { max_result_bytes?: Json | undefined; tool_result_bytes?: number };

export function resultLimit({ max_result_bytes, tool_result_bytes }: ResultLimits): number {
  return typeof max_result_bytes === 'number'
    ? max_result_bytes
    : (tool_result_bytes ?? RESULT_LIMIT_BYTES);
}

/** What the model is told of a call: the text itself, else JSON; an error always in the same form. */
export function resultText(outcome: ToolOutcome, limit = RESULT_LIMIT_BYTES): string {
  const text = outcome.ok
    ? (outcome.text ?? plain(outcome.value))
    : JSON.stringify({ error: told(outcome.error) });
  return cut(text, limit);
}

/** The result as it is logged: whole while it is small, else the text the model got. */
export function loggedResult(value: Json, limit = RESULT_LIMIT_BYTES): Json {
  const text = plain(value);
  return Buffer.byteLength(text) <= limit ? value : cut(text, limit);
}

function plain(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function told(error: RunError): Json {
  const { code, message, retryable, cause } = error;
  return { code, message, retryable, ...(cause === undefined ? {} : { details: cause }) };
}

function cut(text: string, limit: number): string {
  const bytes = Buffer.byteLength(text);
  if (bytes <= limit) {
    return text;
  }
  const kept = Buffer.from(text)
    .subarray(0, limit - 100)
    .toString('utf8');
  return `${kept.replace(/\ufffd+$/, '')}\n[cut off: this result has ${bytes} bytes, ${limit} are shown]`;
}
