import { styleText } from 'node:util';
import { isJsonObject, type Json } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';

const LEVELS: Readonly<Record<number, readonly [string, Parameters<typeof styleText>[0]]>> = {
  10: ['TRACE', 'gray'],
  20: ['DEBUG', 'gray'],
  30: ['INFO', 'green'],
  40: ['WARN', 'yellow'],
  50: ['ERROR', 'red'],
  60: ['FATAL', ['red', 'bold']],
};

/** The level from which a message has the colour of its level. */
const WARN = 40;

/**
 * Formats a log line for people: time, level, message and fields. The reason of a failed run
 * follows the message, and the stack of an error stands below the line.
 */
export function prettyLine(line: string, isColoured: boolean): string {
  const entry: Json = parseJson(line);
  if (!isJsonObject(entry)) return line;
  const { level, time, pid: _, msg, err, error, ...about } = entry;
  const [word, style] = LEVELS[Number(level)] ?? [String(level), 'white'];
  const paint = (format: Parameters<typeof styleText>[0], text: string) =>
    isColoured ? styleText(format, text, { validateStream: false }) : text;
  const reason = reasonOf(error);
  const text = [msg, reason].filter((part) => typeof part === 'string').join(': ');
  const rest = reason === undefined && error !== undefined ? { ...about, error } : about;
  const fields = Object.entries(rest).map(
    ([name, value]) => `${paint('gray', `${name}=`)}${formatValue(value)}`,
  );
  const head = [
    paint('gray', new Date(Number(time)).toISOString().slice(11, 23)),
    paint(style, word.padEnd(5)),
    ...(text === ''
      ? []
      : [Number(level) < WARN ? printable(text) : paint(style, printable(text))]),
    ...fields,
  ].join(' ');
  return `${head}${err === undefined ? '' : formatError(err)}\n`;
}

/** Returns the reason in the error of a run, such as `no answer within 30 s (timeout)`. */
function reasonOf(error: Json | undefined): string | undefined {
  if (!isJsonObject(error) || typeof error.message !== 'string') return undefined;
  const { message, code } = error;
  return typeof code === 'string' ? `${message} (${code})` : message;
}

function formatValue(value: Json | undefined): string {
  return typeof value === 'string' && /^[\w.:/@-]+$/.test(value)
    ? value
    : printable(JSON.stringify(value));
}

function formatError(err: Json): string {
  const { stack, message } = isJsonObject(err) ? err : { stack: null, message: err };
  const text = typeof stack === 'string' ? stack : JSON.stringify(message ?? err);
  return text
    .split('\n')
    .map((one) => `\n    ${printable(one)}`)
    .join('');
}

/** Replaces control characters, so that no text can move the cursor of a terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, ' ');
}
