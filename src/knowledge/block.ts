/**
 * A part of a text that stands by itself. Offsets count UTF-16 units, and the end is that of the
 * last character that is not white space. `page` is the page of a file.
 */
export type Block = { start: number; end: number; page?: number } & (
  | { kind: 'heading'; level: number; title: string }
  | { kind: 'paragraph' | 'code' | 'table' }
);

/** A text with its blocks in order. */
export type BlockText = {
  text: string;
  blocks: readonly Block[];
  /** Returns the range of the document from which a range of the text was made. */
  toSource(start: number, end: number): readonly [start: number, end: number];
};

/** The range of a line, without its line break. */
export type Line = { start: number; end: number };

/** Returns the lines of a range of a text. */
export function linesOf(text: string, start = 0, end = text.length): Line[] {
  const lines: Line[] = [];
  for (let at = start; at < end; ) {
    const found = text.indexOf('\n', at);
    const next = found === -1 || found >= end ? end : found;
    lines.push({ start: at, end: next });
    at = next + 1;
  }
  return lines;
}

/** Returns a range without the white space around it, or undefined if nothing else is there. */
export function trimRange(text: string, start: number, end: number): Line | undefined {
  const part = text.slice(start, end);
  const trimmed = part.trimStart();
  if (trimmed === '') return undefined;
  const first = start + part.length - trimmed.length;
  return { start: first, end: first + trimmed.trimEnd().length };
}
