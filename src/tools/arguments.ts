import type { Outcome, RunError } from '../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../json/json.ts';

/** The arguments of a call as an object; a model may have written anything. */
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

/** A number of fewer digits is always exact; asking of every value would cost as much as all the rest of the reading. */
function refusing(text: string): typeof refuseRounding | undefined {
  return /\d{16}/.test(text) ? refuseRounding : undefined;
}

/** An id of more digits than a number of JavaScript holds would become another id. */
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

/** The error a model gets for arguments it may mend. */
export function invalidArguments(reason: string): RunError {
  return {
    code: 'invalid_arguments',
    message: `the arguments were not accepted: ${reason}`,
    retryable: false,
  };
}
