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
