import { styleText } from 'node:util';
import type { Config } from '../../config.ts';
import { displayable, displayableDetail, displayableJson } from '../../text/displayable.ts';
import type { ErrorReport, ExitCode } from './exit-codes.ts';
import type { Format } from './formats.ts';
import { type Environment, shownOn, type TextStream, tableLines } from './terminal.ts';
import { inCell } from './terminal-text.ts';

/** The output of a command: the result goes to stdout, all talk goes to stderr. */
export type Output = {
  /** True if the caller wants JSON on stdout, and errors as one JSON object on stderr. */
  readonly json: boolean;
  /**
   * True if talk has colours. Results have their own flag, because only one of both streams may be
   * a terminal.
   */
  readonly color: boolean;
  readonly resultColor: boolean;
  /** Returns the width of the terminal for results. Returns undefined if there is no terminal. */
  columns(): number | undefined;
  /** The sign that ends a cut cell, as wide as it is shown. */
  readonly more: string;
  /** The format of results for programs, if it is not JSON. */
  readonly format?: Format | undefined;
  /** Writes one or more lines of the result. Adds the newline at the end. */
  out(text: string): void;
  /** Writes a piece of the result unchanged, for answers that stream. */
  write(chunk: string): void;
  /** Writes one or more lines of talk. Adds the newline at the end. */
  err(text: string): void;
};

type Variables = Readonly<Record<string, string | undefined>>;

/** Everything that a command gets from outside. */
export type CliIo = Output & {
  /** The stream from which a conversation reads its lines. */
  readonly stdin: NodeJS.ReadableStream;
  /**
   * Returns the configuration with `--database-url` taken into account. `variables` are set by
   * options of the command and take precedence over the environment; `defaults` are set where the
   * environment sets nothing. Throws `HWINV`.
   */
  config(variables?: Variables, defaults?: Variables): Promise<Config>;
  /** Returns the value of `--profile`. */
  profile(): string | undefined;
  /** Returns whether `--database-url` is set. */
  isDatabaseNamed(): boolean;
  /** Sets the status to exit with when the command returns, for outcomes that are not errors. */
  setExitCode(code: ExitCode | number): void;
  /**
   * Calls `stop` at the first Ctrl-C or SIGTERM instead of ending the process. The command is
   * expected to return soon; the second signal ends the process. The status is then 130 (143 for
   * SIGTERM) unless `setExitCode` was called.
   */
  onInterrupt(stop: () => void): void;
  /**
   * Stops the handling of Ctrl-C and SIGTERM in this process. `pass` forwards them to a program
   * that was started, unless its terminal has already sent it Ctrl-C.
   */
  leaveSignals(pass: (signal: 'SIGINT' | 'SIGTERM') => void): void;
  /** The time that `howdah` alone waits for something that does not answer, in milliseconds. */
  readonly patienceMs: number;
  /** True if stdout is a terminal, where somebody reads the output while it is written. */
  readonly isTerminal: boolean;
  /** The stream for prompts and typed text. Only set at a terminal. */
  readonly prompts?: NodeJS.WritableStream;
  /** Asks for one line. Returns undefined if there will be none. Only set at a terminal. */
  ask?: (prompt: string) => Promise<string | undefined>;
};

/**
 * Creates an `Output` on two streams. Colour also depends on NO_COLOR, FORCE_COLOR, CI, TERM, and
 * on whether the stream is a terminal.
 */
export function createOutput(
  flags: { json: boolean; color: boolean; format?: Format | undefined },
  { stdout, stderr, env }: { stdout: TextStream; stderr: TextStream; env?: Environment },
): Output {
  const isColored = flags.color && !flags.json;
  const results = shownOn(stdout, env);
  const talk = shownOn(stderr, env);
  return {
    json: flags.json,
    format: flags.format,
    color: isColored && wantsColor(stderr),
    resultColor: isColored && wantsColor(stdout),
    more: results('…'),
    columns: () => (stdout.isTTY ? stdout.columns : undefined),
    out: (text) => stdout.write(results(asLines(text))),
    write: (chunk) => stdout.write(results(chunk)),
    err: (text) => stderr.write(talk(asLines(text))),
  };
}

/** Prints the value for programs on stdout, as one line of JSON or in the format of `-o`. */
export function printJson(io: Output, value: unknown): void {
  const text = io.format ? io.format(value) : JSON.stringify(value);
  if (text !== '') io.out(text);
}

/**
 * Prints rows as aligned columns on stdout, headed by the keys of the first row. Prints nothing at
 * all for no rows. Texts of others cannot move the cursor. At a terminal the longest cells are cut
 * if a row would not fit. Numbers have the digits that people compare; JSON has all.
 */
export function printTable(io: Output, rows: readonly Readonly<Record<string, unknown>>[]): void {
  const [first] = rows;
  if (first === undefined) return;
  const names = Object.keys(first);
  const cells = rows.map((row) => names.map((name) => cell(row[name])));
  const table = [names.map((name) => name.toUpperCase()), ...cells];
  for (const line of tableLines(table, io.columns(), io.more)) io.out(line);
}

/** Prints the report on stderr, as one JSON object with `--json`, else as sentences. */
export function printError(io: Output, report: ErrorReport): void {
  const message = displayable(report.message);
  const hint = report.hint && displayable(report.hint);
  if (io.json) {
    const detail = displayableDetail(report.detail);
    // undefined properties are left out
    io.err(displayableJson({ error: { ...report, message, hint, detail } }));
    return;
  }
  io.err(`${paint(io, 'red', 'error:')} ${message}`);
  // An object in `detail` is for programs.
  // Text (the output of pg_ctl, the keys of a unique violation) is for people.
  if (typeof report.detail === 'string')
    io.err(displayable(report.detail).replace(/^/gm, '        '));
  if (report.usage !== undefined) io.err(`${paint(io, 'cyan', 'usage:')} ${report.usage}`);
  if (hint !== undefined) io.err(` ${paint(io, 'cyan', 'hint:')} ${hint}`);
}

/** Returns `text` in a colour if the terminal shows colours. */
export function paint(io: Output, style: Style, text: string): string {
  return io.color ? styleText(style, text, { validateStream: false }) : text;
}

/** Returns `text` in a colour for stdout. */
export function paintResult(io: Output, style: Style, text: string): string {
  return paint({ ...io, color: io.resultColor }, style, text);
}

/** Formats a number for people, with all its digits and no exponent. */
export function plainNumber(value: number | string): string {
  return typeof value === 'string'
    ? value
    : value.toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: 20 });
}

/** Significant digits of a number with a fraction in a table. */
const TABLE_DIGITS = 6;

/** Shortens the fraction of a number, such as a score. Digits before the point stay. */
function roundForTable(value: number): number {
  if (Number.isInteger(value) || !Number.isFinite(value)) return value;
  const isLarge = Math.abs(value) >= 10 ** (TABLE_DIGITS - 1);
  return isLarge ? Math.round(value) : Number(value.toPrecision(TABLE_DIGITS));
}

type Style = 'red' | 'green' | 'cyan' | 'dim' | 'bold';

function wantsColor(stream: NodeJS.WritableStream): boolean {
  return styleText('red', ' ', { stream, validateStream: true }) !== ' ';
}

function asLines(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'number') return plainNumber(roundForTable(value));
  return inCell(typeof value === 'object' ? JSON.stringify(value) : String(value));
}
