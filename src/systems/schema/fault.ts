/** Counted from one; `file` where it is another than the one that is talked of. */
export type Place = { line: number; column: number; file?: string };

/** What is wrong at one place of a file. */
export type Fault = Place & {
  /** Where in the document, as a JSON pointer; empty: all of it. */
  path: string;
  message: string;
  hint?: string;
  /** The SQLSTATE it would be refused with. */
  code: string;
};

/** `file:line:col: message`, as compilers say it and editors read it. */
export function faultLine(file: string, { line, column, message }: Fault): string {
  return `${file}:${line}:${column}: ${message}`;
}

/** A JSON pointer (RFC 6901). */
export function toPointer(path: readonly PropertyKey[]): string {
  return path
    .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

/** The parts of a JSON pointer. */
export function fromPointer(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
