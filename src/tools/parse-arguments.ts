import type { Outcome, RunError } from '../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../json/json.ts';
import { isTooDeep, MAX_LEVELS } from '../json/levels.ts';
import { parseJson } from '../json/parse-json.ts';

/** Parses the arguments of a call as an object. A model may have written any text. */
export function parseArguments(text: string): Outcome<JsonObject> {
  try {
    const written = parseJson(text.trim() === '' ? '{}' : text);
    const value = typeof written === 'string' ? parseJson(written) : written; // JSON in JSON
    if (!isJsonObject(value)) {
      return { ok: false, error: invalidArguments('they are not a JSON object') };
    }
    return isTooDeep(value)
      ? { ok: false, error: invalidArguments(`they have more than ${MAX_LEVELS} levels`) }
      : { ok: true, value };
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
