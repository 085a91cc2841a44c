import { type Block, type BlockText, type Line, linesOf, trimRange } from './block.ts';

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})(?=[ \t]|$)/;
const UNDERLINE = /^ {0,3}(?:=+|-{2,})\s*$/;
const DELIMITER_ROW = /^[ \t|:-]+$/;

/** Reads Markdown: headings, paragraphs, code in fences and tables. */
export function readMarkdown(text: string): BlockText {
  const lines = linesOf(text);
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; ) {
    const { block, next } = readBlock(text, lines, at);
    if (block) blocks.push(block);
    at = next;
  }
  return { text, blocks, toSource: (start, end) => [start, end] };
}

/** Reads plain text: paragraphs, with empty lines between them. */
export function readPlainText(text: string): BlockText {
  const lines = linesOf(text);
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; ) {
    const next = findEnd(lines, at, (line) => isEmpty(text, line));
    const block = blockOf(text, lines, at, next, 'paragraph');
    if (block) blocks.push(block);
    at = next;
  }
  return { text, blocks, toSource: (start, end) => [start, end] };
}

type Read = { block: Block | undefined; next: number };

/** Reads the block that begins with a line. */
function readBlock(text: string, lines: readonly Line[], at: number): Read {
  const line = textOf(text, lines[at]);
  if (line.trim() === '') return { block: undefined, next: at + 1 };
  const fence = FENCE.exec(line)?.[1];
  if (fence !== undefined) return readCode(text, lines, at, fence);
  const marks = HEADING.exec(line)?.[1];
  if (marks !== undefined) return readHeading(text, lines, at, marks);
  const underlined = textOf(text, lines[at + 1]);
  if (UNDERLINE.test(underlined)) {
    const level = underlined.includes('=') ? 1 : 2;
    const block = headingOf(text, lines, at, at + 2, level, line.trim());
    return { block, next: at + 2 };
  }
  const isTable = line.includes('|') && underlined.includes('|') && DELIMITER_ROW.test(underlined);
  const next = findEnd(lines, at, (one) => isEmpty(text, one) || isMark(textOf(text, one)));
  return { block: blockOf(text, lines, at, next, isTable ? 'table' : 'paragraph'), next };
}

/** Reads code up to the closing fence, or up to the end. */
function readCode(text: string, lines: readonly Line[], at: number, fence: string): Read {
  const closes = (line: Line) => {
    const found = textOf(text, line).trim();
    return found.length >= fence.length && found === (fence[0] ?? '').repeat(found.length);
  };
  const next = Math.min(findEnd(lines, at, closes) + 1, lines.length);
  return { block: blockOf(text, lines, at, next, 'code'), next };
}

function readHeading(text: string, lines: readonly Line[], at: number, marks: string): Read {
  const words = textOf(text, lines[at]).trim().slice(marks.length).trim();
  const title = words.endsWith('#') ? withoutClosingMarks(words) : words;
  return { block: headingOf(text, lines, at, at + 1, marks.length, title), next: at + 1 };
}

/** Removes the marks that may follow a heading after a space. */
function withoutClosingMarks(words: string): string {
  let end = words.length;
  while (words[end - 1] === '#') end -= 1;
  return end === 0 || /\s/.test(words[end - 1] ?? '') ? words.slice(0, end).trimEnd() : words;
}

function headingOf(
  text: string,
  lines: readonly Line[],
  at: number,
  next: number,
  level: number,
  title: string,
): Block | undefined {
  const range = trimRange(text, lines[at]?.start ?? 0, lines[next - 1]?.end ?? text.length);
  return range && title !== '' ? { ...range, kind: 'heading', level, title } : undefined;
}

function blockOf(
  text: string,
  lines: readonly Line[],
  at: number,
  next: number,
  kind: 'paragraph' | 'code' | 'table',
): Block | undefined {
  const range = trimRange(text, lines[at]?.start ?? 0, lines[next - 1]?.end ?? text.length);
  return range && { ...range, kind };
}

/** Returns the first line after `at` that ends the block, or the number of lines. */
function findEnd(lines: readonly Line[], at: number, isEnd: (line: Line) => boolean): number {
  let next = at + 1;
  for (let line = lines[next]; line && !isEnd(line); line = lines[next]) next += 1;
  return next;
}

const isMark = (line: string) => FENCE.test(line) || HEADING.test(line);
const isEmpty = (text: string, line: Line) => textOf(text, line).trim() === '';
const textOf = (text: string, line: Line | undefined) =>
  line ? text.slice(line.start, line.end) : '';
