/** A place, counted from one. `file` is set if it differs from the current file. */
export type TextPlace = { line: number; column: number; file?: string };

/** A fault at one place of a file. */
export type Fault = TextPlace & {
  /** The JSON pointer of the fault in the document. Empty for the whole document. */
  path: string;
  message: string;
  hint?: string;
  /** The SQLSTATE of the error that the database would raise. */
  code: string;
};

/** A part of an imported file that could not be carried over, and its place. */
export type Note = TextPlace & { file: string; message: string };

/** Formats a fault as `file:line:col: message`, which editors recognize as output of a compiler. */
export function faultLine(file: string, { line, column, message }: Fault): string {
  return `${file}:${line}:${column}: ${message}`;
}

/** Builds a JSON pointer (RFC 6901). */
export function toPointer(path: readonly PropertyKey[]): string {
  return path
    .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

/** Splits a JSON pointer into its parts. */
export function fromPointer(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
