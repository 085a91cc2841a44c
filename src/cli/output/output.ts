import { styleText } from 'node:util';
import type { Config } from '../../config.ts';
import { displayable, displayableDetail, displayableJson } from '../../text/displayable.ts';
import type { ErrorReport, ExitCode } from './exit-codes.ts';
import type { Format } from './formats.ts';
import { type Environment, shownOn, type TextStream, tableLines } from './terminal.ts';
import { inCell } from './terminal-text.ts';

/** Where a command writes: the result to stdout, all talk to stderr. */
export type Output = {
  /** The caller wants JSON on stdout, and errors as one JSON object on stderr. */
  readonly json: boolean;
  /** Whether talk has colours; results have them by themselves: one of both may be no terminal. */
  readonly color: boolean;
  readonly resultColor: boolean;
  /** How wide the terminal is that results go to; undefined: it is none. */
  columns(): number | undefined;
  /** Where a cell is cut: what stands for the rest, as wide as it is shown. */
  readonly more: string;
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
  /**
   * The configuration with `--database-url` taken into account. `variables` are those that options
   * of the command set; they go before the environment. Throws `HWINV`.
   */
  config(variables?: Readonly<Record<string, string | undefined>>): Promise<Config>;
  /** What `--profile` names. */
  profile(): string | undefined;
  /** Whether `--database-url` names one. */
  isDatabaseNamed(): boolean;
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

/** An `Output` on two streams. Colour also respects NO_COLOR, FORCE_COLOR, CI, TERM and whether the stream is a terminal. */
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

/** The value for programs on stdout: one line of JSON, or as `-o` says. */
export function printJson(io: Output, value: unknown): void {
  const text = io.format ? io.format(value) : JSON.stringify(value);
  if (text !== '') io.out(text);
}

/**
 * Rows as aligned columns on stdout, headed by the keys of the first row; nothing at all for no rows. Texts of others move no cursor.
 * At a terminal the longest are cut where a row would not fit.
 */
export function printTable(io: Output, rows: readonly Readonly<Record<string, unknown>>[]): void {
  const [first] = rows;
  if (first === undefined) return;
  const names = Object.keys(first);
  const cells = rows.map((row) => names.map((name) => cell(row[name])));
  const table = [names.map((name) => name.toUpperCase()), ...cells];
  for (const line of tableLines(table, io.columns(), io.more)) io.out(line);
}

/** The report on stderr: one JSON object with `--json`, else sentences. */
export function printError(io: Output, report: ErrorReport): void {
  const message = displayable(report.message);
  const hint = report.hint && displayable(report.hint);
  if (io.json) {
    const detail = displayableDetail(report.detail);
    io.err(displayableJson({ error: { ...report, message, hint, detail } })); // what is undefined is left out
    return;
  }
  io.err(`${paint(io, 'red', 'error:')} ${message}`);
  // An object in `detail` is for programs; text (pg_ctl's output, the keys of a unique violation) is for people.
  if (typeof report.detail === 'string')
    io.err(displayable(report.detail).replace(/^/gm, '        '));
  if (report.usage !== undefined) io.err(`${paint(io, 'cyan', 'usage:')} ${report.usage}`);
  if (hint !== undefined) io.err(` ${paint(io, 'cyan', 'hint:')} ${hint}`);
}

/** `text` in a colour where the terminal shows one. */
export function paint(io: Output, style: Style, text: string): string {
  return io.color ? styleText(style, text, { validateStream: false }) : text;
}

/** The same for what stands on stdout. */
export function paintResult(io: Output, style: Style, text: string): string {
  return paint({ ...io, color: io.resultColor }, style, text);
}

/** A number for people: all its digits, no exponent. */
export function plainNumber(value: number | string): string {
  return typeof value === 'string'
    ? value
    : value.toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: 20 });
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
  if (typeof value === 'number') return plainNumber(value);
  return inCell(typeof value === 'object' ? JSON.stringify(value) : String(value));
}
