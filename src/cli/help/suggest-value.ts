import { closestNames } from '../../text/closest-names.ts';

/** Of a value that is none of those there are: which one may have been meant, out of commander's own sentence. */
export function suggestValue(message: string): string | undefined {
  const [, value, choices] =
    /(?:argument|value) '(.*)' is invalid.*(?:choices are|one of) (.+)\.$/s.exec(message) ?? [];
  if (value === undefined || choices === undefined) return undefined;
  // several may stand there, with commas between them
  const known = choices.split(', ');
  const wrong = value.split(',').find((one) => !known.includes(one.trim().toLowerCase()));
  const [near] = closestNames(wrong ?? value, known, 1);
  return near && `Did you mean ${near}?`;
}
