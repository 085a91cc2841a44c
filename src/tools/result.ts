import type { RunError } from '../contracts/errors.ts';
import type { Json } from '../contracts/json.ts';
import type { ToolOutcome } from '../contracts/tool.ts';

/** Bytes of a result the model is told; what is beyond is cut off, and the text says so. */
export const RESULT_LIMIT_BYTES = 65_536;

/** What the model is told of a call: the text itself, else JSON; an error always in the same form. */
export function resultText(outcome: ToolOutcome): string {
  return cut(
    outcome.ok
      ? (outcome.text ?? plain(outcome.value))
      : JSON.stringify({ error: told(outcome.error) }),
  );
}

/** The result as it is logged: whole while it is small, else the text the model got. */
export function loggedResult(value: Json): Json {
  const text = plain(value);
  return Buffer.byteLength(text) <= RESULT_LIMIT_BYTES ? value : cut(text);
}

function plain(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function told(error: RunError): Json {
  const { code, message, retryable, cause } = error;
  return { code, message, retryable, ...(cause === undefined ? {} : { details: cause }) };
}

function cut(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes <= RESULT_LIMIT_BYTES) {
    return text;
  }
  const kept = Buffer.from(text)
    .subarray(0, RESULT_LIMIT_BYTES - 100)
    .toString('utf8');
  return `${kept.replace(/\ufffd+$/, '')}\n[cut off: this result has ${bytes} bytes, ${RESULT_LIMIT_BYTES} are shown]`;
}
