import { InvalidArgumentError } from 'commander';
import { parseJson } from '../../json/parse-json.ts';

/** The values of `--set` for a run that starts from the beginning. */
export type SetOption = {
  /** The text that replaces the input. */
  input?: string;
  /** Places of its data, such as `order.number`, with their new values as JSON text. */
  places: Readonly<Record<string, string>>;
};

/**
 * Parses `--set input=TEXT` or `--set input.order.number=1001`, which may be repeated. This is a
 * parser for commander.
 */
export function setOption(text: string, before: SetOption = { places: {} }): SetOption {
  const [, path, value] = /^input(?:(?:_data)?\.([^=]+))?=(.*)$/s.exec(text) ?? [];
  if (value === undefined) {
    throw new InvalidArgumentError(
      'Use input=TEXT, or a path in the data with a value, such as input.order.number=1001.',
    );
  }
  if (path === undefined) return { ...before, input: value };
  return { ...before, places: { ...before.places, [path]: jsonOf(value) } };
}

/**
 * Returns the places as a JSON object in which no number is rounded. Returns null if there are
 * none.
 */
export function changesIn({ places }: SetOption): string | null {
  const members = Object.entries(places).map(([path, json]) => `${JSON.stringify(path)}: ${json}`);
  return members.length === 0 ? null : `{${members.join(', ')}}`;
}

/** Returns JSON text. A text that is not JSON becomes a JSON string. */
function jsonOf(text: string): string {
  try {
    parseJson(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}
