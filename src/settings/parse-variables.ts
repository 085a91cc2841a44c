import { z } from 'zod';
import { HowdahError } from '../contracts/errors.ts';

/** The kinds of values that several variables of the environment have. */
export const wholeNumber = (min: number, max: number) =>
  z.string().regex(/^\d+$/).transform(Number).pipe(z.number().min(min).max(max));

/** Without empty entries; empty when the variable is not set. */
export const commaList = z
  .string()
  .default('')
  .transform((list) => list.split(',').map((entry) => entry.trim()))
  .transform((entries) => entries.filter((entry) => entry !== ''));

/** What is said of a variable of the environment that cannot be used. */
export function invalid(name: string, reason: string, hint: string, cause?: unknown): HowdahError {
  return new HowdahError('HWINV', `${name}: ${reason}.`, {
    hint,
    detail: { variable: name },
    cause,
  });
}

/** What is not set may be set elsewhere. */
export function withoutUndefined<T>(values: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
