import type { Outcome, RunError } from '../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../json/json.ts';

/** Parses the arguments of a call as an object. A model may have written any text. */
export function parseArguments(text: string): Outcome<JsonObject> {
  try {
    const value = JSON.parse(text.trim() === '' ? '{}' : text, refusing(text));
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

/**
 * Returns the reviver that rejects rounding, only if the text needs it. A number of fewer digits is
 * always exact, and a reviver for every value would double the time of parsing.
 */
function refusing(text: string): typeof refuseRounding | undefined {
  return /\d{16}/.test(text) ? refuseRounding : undefined;
}

/**
 * Throws for an integer that a JavaScript number cannot represent, because an id would become
 * another id.
 */
export function refuseRounding(
  _key: string,
  value: unknown,
  ...[context]: { source?: string }[]
): unknown {
  const source = context?.source ?? '';
  if (typeof value === 'number' && /^-?\d+$/.test(source) && BigInt(source) !== BigInt(value)) {
    throw new Error(`${source} has too many digits for a number`);
  }
  return value;
}

/** Creates the error for arguments that the model may correct. */
export function invalidArguments(reason: string): RunError {
  return {
    code: 'invalid_arguments',
    message: `the arguments were not accepted: ${reason}`,
    retryable: false,
  };
}
