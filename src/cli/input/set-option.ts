import { InvalidArgumentError } from 'commander';

/** What `--set` says of a run that begins anew. */
export type SetOption = {
  /** What it is told in the place of its text. */
  input?: string;
  /** Places of its data, such as `order.number`, with what is to stand there, as it is written in JSON. */
  places: Readonly<Record<string, string>>;
};

/** `--set input=TEXT`, or `--set input.order.number=1001`, said again for each; commander's kind of parser. */
export function setOption(text: string, before: SetOption = { places: {} }): SetOption {
  const [, path, value] = /^input(?:(?:_data)?\.([^=]+))?=(.*)$/s.exec(text) ?? [];
  if (value === undefined) {
    throw new InvalidArgumentError(
      'It is input=TEXT, or a place of its data with a value: input.order.number=1001.',
    );
  }
  if (path === undefined) return { ...before, input: value };
  return { ...before, places: { ...before.places, [path]: jsonOf(value) } };
}

/** The places as a JSON object in which no number is rounded; null when there are none. */
export function changesIn({ places }: SetOption): string | null {
  const members = Object.entries(places).map(([path, json]) => `${JSON.stringify(path)}: ${json}`);
  return members.length === 0 ? null : `{${members.join(', ')}}`;
}

/** What is no JSON is a text. */
function jsonOf(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}
