import { styleText } from 'node:util';
import { isJsonObject, type Json } from '../json/json.ts';

const LEVELS: Readonly<Record<number, readonly [string, Parameters<typeof styleText>[0]]>> = {
  10: ['TRACE', 'gray'],
  20: ['DEBUG', 'gray'],
  30: ['INFO', 'green'],
  40: ['WARN', 'yellow'],
  50: ['ERROR', 'red'],
  60: ['FATAL', ['red', 'bold']],
};

/**
 * Formats a log line for people: time, level, message and fields, with the stack of an error below.
 */
export function prettyLine(line: string, isColoured: boolean): string {
  const entry: Json = JSON.parse(line);
  if (!isJsonObject(entry)) return line;
  const { level, time, pid: _, msg, err, ...about } = entry;
  const [word, style] = LEVELS[Number(level)] ?? [String(level), 'white'];
  const paint = (format: Parameters<typeof styleText>[0], text: string) =>
    isColoured ? styleText(format, text, { validateStream: false }) : text;
  const fields = Object.entries(about).map(
    ([name, value]) => `${paint('gray', `${name}=`)}${formatValue(value)}`,
  );
  const head = [
    paint('gray', new Date(Number(time)).toISOString().slice(11, 23)),
    paint(style, word.padEnd(5)),
    ...(typeof msg === 'string' ? [printable(msg)] : []),
    ...fields,
  ].join(' ');
  return `${head}${err === undefined ? '' : formatError(err)}\n`;
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
