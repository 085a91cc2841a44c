import { InvalidArgumentError } from 'commander';

/** Creates a parser of whole numbers from `least` to `most`. */
export function parseWholeNumber(least: number, most?: number) {
  return (text: string): number => {
    const number = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isInteger(number) || number < least || (most !== undefined && number > most)) {
      const range = most === undefined ? `of ${least} or more` : `from ${least} to ${most}`;
      throw new InvalidArgumentError(`Use a whole number ${range}.`);
    }
    return number;
  };
}

/** Parses a number of 0 or more, which may have a fraction. */
export function parseAmount(text: string): number {
  const number = Number(text);
  if (/^\d*\.?\d+$/.test(text) && Number.isFinite(number)) return number;
  throw new InvalidArgumentError('Use a number of 0 or more, such as 0.25.');
}
