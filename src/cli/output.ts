import { styleText } from 'node:util';
import type { Config } from '../config.ts';
import type { ErrorReport, ExitCode } from './exit-codes.ts';
import type { Format } from './formats.ts';
import { inCell, plainText } from './plain-text.ts';

/** Where a command writes: the result to stdout, all talk to stderr. */
export type Output = {
  /** The caller wants JSON on stdout, and errors as one JSON object on stderr. */
  readonly json: boolean;
  readonly color: boolean;
  /** How results for programs are written, where that is not JSON. */
  readonly format?: Format | undefined;
  /** One or more lines of the result; the newline at the end is added. */
  out(text: string): void;
  /** A piece of the result as it is, for answers that stream. */
  write(chunk: string): void;
  /** One or more lines of talk; the newline at the end is added. */
  err(text: string): void;
};

/** All a command gets from the outside. */
export type CliIo = Output & {
  /** Where a conversation reads its lines. */
  readonly stdin: NodeJS.ReadableStream;
  /** The configuration with `--database-url` taken into account. Throws `HWINV`. */
  config(): Promise<Config>;
  /** What `--profile` names. */
  profile(): string | undefined;
  /** The status to exit with when the command returns, for outcomes that are not errors. */
  setExitCode(code: ExitCode | number): void;
  /**
   * The first Ctrl-C or SIGTERM calls `stop` instead of ending the process, and the command is expected
   * to return soon; the second ends it. The status is then 130 (143 for SIGTERM) unless `setExitCode` was called.
   */
  onInterrupt(stop: () => void): void;
  /**
   * From now on Ctrl-C and SIGTERM end nothing here: `pass` hands them on to a program that was started, unless its terminal has
   * told it of Ctrl-C already.
   */
  leaveSignals(pass: (signal: 'SIGINT' | 'SIGTERM') => void): void;
  /** How long `howdah` alone waits for what does not answer. */
  readonly patienceMs: number;
  /** stdout is a terminal: somebody reads what is written as it is written. */
  readonly isTerminal: boolean;
  /** Where prompts and what is typed are shown. Only there at a terminal. */
  readonly prompts?: NodeJS.WritableStream;
  /** Asks for one line; undefined when there will be none. Only there at a terminal. */
  ask?: (prompt: string) => Promise<string | undefined>;
};

type Stream = NodeJS.WritableStream;

/** An `Output` on two streams. Colour also respects NO_COLOR, FORCE_COLOR, TERM and whether stderr is a terminal. */
export function createOutput(
  flags: { json: boolean; color: boolean; format?: Format | undefined },
  streams: { stdout: Stream; stderr: Stream },
): Output {
  return {
    json: flags.json,
    format: flags.format,
    color: flags.color && !flags.json && wantsColor(streams.stderr),
    out: (text) => streams.stdout.write(asLines(text)),
    write: (chunk) => streams.stdout.write(chunk),
    err: (text) => streams.stderr.write(asLines(text)),
  };
}

/** The value for programs on stdout: one line of JSON, or as `-o` says. */
export function printJson(io: Output, value: unknown): void {
  const text = io.format ? io.format(value) : JSON.stringify(value);
  if (text !== '') io.out(text);
}

/** Rows as aligned columns on stdout, headed by the keys of the first row; nothing at all for no rows. Texts of others move no cursor. */
export function printTable(io: Output, rows: readonly Readonly<Record<string, unknown>>[]): void {
  const [first] = rows;
  if (first === undefined) return;
  const names = Object.keys(first);
  const cells = rows.map((row) => names.map((name) => cell(row[name])));
  const widths = names.map((name, column) =>
    Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  for (const row of [names.map((name) => name.toUpperCase()), ...cells]) {
    io.out(
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

/** The report on stderr: one JSON object with `--json`, else sentences. */
export function printError(io: Output, report: ErrorReport): void {
  if (io.json) {
    io.err(JSON.stringify({ error: report }));
    return;
  }
  io.err(`${paint(io, 'red', 'error:')} ${plainText(report.message)}`);
  // An object in `detail` is for programs; text (pg_ctl's output, the keys of a unique violation) is for people.
  if (typeof report.detail === 'string')
    io.err(plainText(report.detail).replace(/^/gm, '        '));
  if (report.usage !== undefined) io.err(`${paint(io, 'cyan', 'usage:')} ${report.usage}`);
  if (report.hint !== undefined) io.err(` ${paint(io, 'cyan', 'hint:')} ${plainText(report.hint)}`);
}

/** `text` in a colour where the terminal shows one. */
export function paint(io: Output, style: 'red' | 'cyan' | 'dim' | 'bold', text: string): string {
  return io.color ? styleText(style, text, { validateStream: false }) : text;
}

/** A number for people: all its digits, no exponent. */
export function plainNumber(value: number | string): string {
  return typeof value === 'string'
    ? value
    : value.toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: 20 });
}

function wantsColor(stream: Stream): boolean {
  return styleText('red', ' ', { stream, validateStream: true }) !== ' ';
}

function asLines(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'number') return plainNumber(value);
  return inCell(typeof value === 'object' ? JSON.stringify(value) : String(value));
}
