import type { Outcome, RunError } from '../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../contracts/json.ts';

/** The arguments of a call as an object; a model may have written anything. */
export function parseArguments(text: string): Outcome<JsonObject> {
  try {
    const value = JSON.parse(text.trim() === '' ? '{}' : text);
    return isJsonObject(value)
      ? { ok: true, value }
      : { ok: false, error: invalidArguments('they are not a JSON object') };
  } catch (error) {
    return {
      ok: false,
      error: invalidArguments(`they are not JSON (${(error as Error).message})`),
    };
  }
}

/** The error a model gets for arguments it may mend. */
export function invalidArguments(reason: string): RunError {
  return {
    code: 'invalid_arguments',
    message: `the arguments were not accepted: ${reason}`,
    retryable: false,
  };
}
