import { InvalidArgumentError } from 'commander';
import type { ExactNumber } from '../../json/exact-number.ts';
import { parseNumber } from '../../json/parse-json.ts';

/** Creates a parser of whole numbers from `least` to `most`. */
export function parseWholeNumber(least: number, most?: number) {
  return (text: string): number => {
    const number = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isSafeInteger(number) || number < least || (most !== undefined && number > most)) {
      const range = most === undefined ? `of ${least} or more` : `from ${least} to ${most}`;
      throw new InvalidArgumentError(`Use a whole number ${range}.`);
    }
    return number;
  };
}

/** Parses a number of 0 or more, which may have a fraction. Keeps all its digits. */
export function parseAmount(text: string): number | ExactNumber {
  const number = /^\d*\.?\d+$/.test(text) ? parseNumber(text) : undefined;
  if (number !== undefined) return number;
  throw new InvalidArgumentError('Use a number of 0 or more, such as 0.25.');
}

/** Parses a number from 0 to 1. */
export function parseRate(text: string): number {
  const rate = Number(text);
  if (text.trim() !== '' && rate >= 0 && rate <= 1) return rate;
  throw new InvalidArgumentError('Use a number from 0 to 1, such as 0.9.');
}
