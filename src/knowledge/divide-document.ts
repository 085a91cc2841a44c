import { truncateToFit } from '../text/truncate.ts';
import { type Block, type BlockText, type Line, linesOf, trimRange } from './block.ts';
import { readCsv } from './read-csv.ts';
import { readHtml } from './read-html.ts';
import { readMarkdown, readPlainText } from './read-markdown.ts';
import { sentencesOf } from './sentences.ts';

/** A part of a document, as `howdah_private.store_chunks` takes it. Offsets count characters. */
export type Piece = {
  content: string;
  heading_path: string[];
  start_offset: number;
  end_offset: number;
  page?: number;
};

export type DocumentText = {
  type: string;
  content: string;
  /** The most UTF-16 units of a piece. */
  maxCharacters: number;
};

/** A range of the text, with the headings above it. */
type Range = Line & { path: string[]; page?: number };
type Heading = Extract<Block, { kind: 'heading' }>;

/** The most UTF-16 units of a heading in a path. */
const MAX_TITLE = 200;
/** The most pieces of a document. Each is a row with its own terms. */
const MAX_PIECES = 20_000;
/** The most megabytes of all pieces. Each repeats the headings above it. */
const MAX_MB = 8;

/**
 * Divides a document into pieces. A piece has whole blocks (paragraphs, tables, code) of one
 * section, as many as fit. A block that is too long is divided between sentences or lines. Throws
 * `too_large` for too many pieces, or too much text in them.
 */
export function divideDocument({ type, content, maxCharacters }: DocumentText): Piece[] {
  return divideBlocks(readBlocks(type, content), content, maxCharacters);
}

/** Divides the blocks of a document. A piece is on one page. */
export function divideBlocks(read: BlockText, content: string, maxCharacters: number): Piece[] {
  const ranges = divide(read, maxCharacters).flatMap((range) => {
    const trimmed = trimRange(read.text, range.start, range.end);
    return trimmed ? [{ ...range, ...trimmed }] : [];
  });
  const toCharacters = characterCounter(content);
  let bytes = 0;
  return ranges.map(({ start, end, path, page }) => {
    const [from, to] = read.toSource(start, end);
    const part = read.text.slice(start, end);
    for (const text of [part, ...path]) bytes += Buffer.byteLength(text);
    if (bytes > MAX_MB * 1_000_000) {
      throw tooLarge(
        `the chunks of the document have over ${MAX_MB} MB with the headings above each`,
      );
    }
    return {
      content: part,
      heading_path: path,
      start_offset: toCharacters(from),
      end_offset: toCharacters(to),
      ...(page !== undefined && { page }),
    };
  });
}

function tooLarge(reason: string): Error {
  const message = `${reason}: divide it into several documents`;
  return Object.assign(new Error(message), { code: 'too_large' });
}

function readBlocks(type: string, content: string): BlockText {
  if (type === 'text/html') return readHtml(content);
  if (type === 'text/csv') return readCsv(content);
  return type === 'text/plain' ? readPlainText(content) : readMarkdown(content);
}

/** Returns the ranges of the pieces. */
function divide({ text, blocks }: BlockText, most: number): Range[] {
  const ranges = new Ranges(text, most);
  for (const block of blocks) ranges.add(block);
  ranges.end();
  return ranges.all;
}

/** Collects the ranges of the pieces, block by block. */
class Ranges {
  readonly all: Range[] = [];
  readonly #text: string;
  readonly #most: number;
  #open: Heading[] = [];
  #current: Range | undefined;
  #isHeadingBare = false;
  #page: number | undefined;

  constructor(text: string, most: number) {
    this.#text = text;
    this.#most = most;
  }

  add(block: Block): void {
    if (block.page !== this.#page) this.#turnTo(block.page);
    if (block.kind === 'heading') return void this.#addHeading(block);
    this.#isHeadingBare = false;
    for (const part of partsOf(this.#text, block, this.#most)) {
      if (this.#current && part.end - this.#current.start > this.#most) this.end();
      const range = this.#current ?? { start: part.start, path: pathOf(this.#open) };
      this.#current = { ...range, end: part.end };
    }
  }

  /** Ends the range that is being collected. */
  end(): void {
    const heading = this.#open.at(-1);
    // a heading without text below it is a piece, since its words would be lost
    if (this.#isHeadingBare && heading) {
      const path = pathOf(this.#open.slice(0, -1));
      for (const part of partsOf(this.#text, heading, this.#most)) this.#push(part, path);
    }
    this.#isHeadingBare = false;
    if (this.#current) this.#push(this.#current, this.#current.path);
    this.#current = undefined;
  }

  /** Ends the page before. Its headings are not above what is on the next one. */
  #turnTo(page: number | undefined): void {
    this.end();
    this.#open = [];
    this.#page = page;
  }

  #addHeading(block: Heading): void {
    const isBelow = this.#isHeadingBare && block.level > (this.#open.at(-1)?.level ?? 0);
    if (isBelow) this.#isHeadingBare = false;
    this.end();
    this.#open = [...this.#open.filter(({ level }) => level < block.level), block];
    this.#isHeadingBare = true;
    // and so would the words at the end of a heading that is cut
    if (block.title.length > MAX_TITLE) this.end();
  }

  #push({ start, end }: Line, path: string[]): void {
    const page = this.#page;
    if (this.all.push({ start, end, path, ...(page !== undefined && { page }) }) > MAX_PIECES) {
      throw tooLarge(`the document has over ${MAX_PIECES} chunks`);
    }
  }
}

/** Returns the titles of headings. There are at most nine, since each has a deeper level. */
const pathOf = (headings: readonly Heading[]): string[] =>
  headings.map(({ title }) => truncateToFit(title, MAX_TITLE));

/** Returns a block, or its parts if it is too long for one piece. */
function partsOf(text: string, block: Block, most: number): Line[] {
  if (block.end - block.start <= most) return [block];
  const { start, end, kind } = block;
  const units = kind === 'paragraph' ? sentencesOf(text, start, end) : linesOf(text, start, end);
  return units.flatMap((unit) => cut(text, unit, most));
}

/** Cuts a sentence or line that is too long between words, or anywhere if a word is too long. */
function cut(text: string, unit: Line, most: number): Line[] {
  const parts: Line[] = [];
  let { start } = unit;
  while (unit.end - start > most) {
    const space = start + text.slice(start, start + most + 1).lastIndexOf(' ');
    const isUseful = space > start + most / 2;
    const isPair = /[\uD800-\uDBFF]/.test(text[start + most - 1] ?? '');
    const end = isUseful ? space : start + most - (isPair ? 1 : 0);
    parts.push({ start, end });
    start = isUseful ? end + 1 : end;
  }
  return [...parts, { start, end: unit.end }];
}

/**
 * Returns a function that converts offsets in UTF-16 units to numbers of characters, as Postgres
 * counts them. Offsets that rise are converted in one pass.
 */
function characterCounter(text: string): (offset: number) => number {
  if (!/[\uD800-\uDBFF]/.test(text)) return (offset) => offset;
  let at = 0;
  let characters = 0;
  return (offset) => {
    if (offset < at) {
      at = 0;
      characters = 0;
    }
    for (; at < offset; at += 1) {
      const code = text.charCodeAt(at);
      if (code < 0xdc00 || code > 0xdfff) characters += 1;
    }
    return characters;
  };
}
