import type { Outcome, RunError } from '../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';

/** Parses the arguments of a call as an object. A model may have written any text. */
export function parseArguments(text: string): Outcome<JsonObject> {
  try {
    const value = parseJson(text.trim() === '' ? '{}' : text);
    return isJsonObject(value)
      ? { ok: true, value }
      : { ok: false, error: invalidArguments('they are not a JSON object') };
  } catch (error) {
    return {
      ok: false,
      error: invalidArguments(`they are not JSON that can be read (${(error as Error).message})`),
    };
  }
}

/** Creates the error for arguments that the model may correct. */
export function invalidArguments(reason: string): RunError {
  return {
    code: 'invalid_arguments',
    message: `the arguments were not accepted: ${reason}`,
    retryable: false,
  };
}
