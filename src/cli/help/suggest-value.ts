import { closestNames } from '../../text/closest-names.ts';

/**
 * Suggests a similar value for a value that is not among the choices. Reads both from the message
 * of commander.
 */
export function suggestValue(message: string): string | undefined {
  const [, value, choices] =
    /(?:argument|value) '(.*)' is invalid.*(?:choices are|one of) (.+)\.$/s.exec(message) ?? [];
  if (value === undefined || choices === undefined) return undefined;
  // the value may be a list with commas
  const known = choices.split(', ');
  const wrong = value.split(',').find((one) => !known.includes(one.trim().toLowerCase()));
  const [near] = closestNames(wrong ?? value, known, 1);
  return near && `Did you mean ${near}?`;
}
