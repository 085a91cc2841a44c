import type { Json } from '../../json/json.ts';
import { quoteShell } from './quote.ts';

/** The fields of a request. Those that are undefined are left out. */
type Body = Readonly<Record<string, Json | undefined>>;

/** Writes a request to the API as a command of curl. A request with a body is a POST. */
export function curlCommand(url: URL, body?: Body): string {
  const request = `curl ${quoteShell(url.href)} -H "Authorization: Bearer $HOWDAH_KEY"`;
  if (body === undefined) return request;
  return `${request} \\\n  -H 'Content-Type: application/json' -d ${quoteShell(JSON.stringify(body))}`;
}

/** An option with its value. One without a value is left out. */
type OptionValue = readonly [name: string, value: string | number | undefined];

/**
 * Writes a command of Howdah: its options, and then its arguments. Arguments that begin with a dash
 * come after `--`, so that they are no options. The value of an option is one in any case.
 */
export function howdahCommand(
  name: string,
  options: readonly OptionValue[],
  args: readonly string[] = [],
): string {
  const written = options.flatMap(([option, value]) =>
    value === undefined ? [] : [`--${option}`, quoteShell(String(value))],
  );
  const end = args.some((one) => one.startsWith('-')) ? ['--'] : [];
  return ['npx howdah', name, ...written, ...end, ...args.map(quoteShell)].join(' ');
}

/**
 * Writes a text for an argument that can also name a file as `@FILE`: `@@` stands for a first `@`.
 * Returns undefined for a single dash, which stands for standard input.
 */
export function textArgument(text: string): string | undefined {
  if (text === '-') return undefined;
  return text.startsWith('@') ? `@${text}` : text;
}
