import { z } from 'zod';
import { HowdahError } from '../contracts/errors.ts';

/** Returns a parser for whole numbers from `min` to `max`. */
export const wholeNumber = (min: number, max: number) =>
  z.string().regex(/^\d+$/).transform(Number).pipe(z.number().min(min).max(max));

/** A comma-separated list without empty entries; empty if the variable is not set. */
export const commaList = z
  .string()
  .default('')
  .transform((list) => list.split(',').map((entry) => entry.trim()))
  .transform((entries) => entries.filter((entry) => entry !== ''));

/** Returns the error for a variable of the environment that cannot be used. */
export function invalidVariable(
  name: string,
  reason: string,
  hint: string,
  cause?: unknown,
): HowdahError {
  return new HowdahError('HWINV', `${name}: ${reason}.`, {
    hint,
    detail: { variable: name },
    cause,
  });
}

/** Removes variables that are not set, because they may be set elsewhere. */
export function withoutUndefined<T>(values: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
