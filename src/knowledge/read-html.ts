import { Parser } from 'htmlparser2';
import {
  BLOCK_ELEMENTS,
  CELL_ELEMENTS,
  HIDDEN_ELEMENTS,
  MAX_NESTING,
} from '../text/html/elements.ts';
import type { Block, BlockText } from './block.ts';

/** A word of the text, and the part of the source that it was made from. */
type Span = { at: number; source: number; sourceEnd: number; isEntity: boolean };

/** Reads an HTML page as a person sees it. Throws if its elements are nested too deep. */
export function readHtml(html: string): BlockText {
  const page = new Page();
  const parser = new Parser(page, { decodeEntities: true });
  page.place = parser;
  for (let at = 0; at < html.length; at += 65_536) parser.write(html.slice(at, at + 65_536));
  parser.end();
  return page.read();
}

class Page {
  place: { startIndex: number; endIndex: number } = { startIndex: 0, endIndex: 0 };
  readonly #pieces: string[] = [];
  readonly #blocks: Block[] = [];
  readonly #spans: Span[] = [];
  #length = 0;
  #depth = 0;
  /** The number of open elements whose text is skipped. */
  #hidden = 0;
  #preformatted = 0;
  #tables = 0;
  #heading: number | undefined;
  /** The start of the block that is being read. */
  #start: number | undefined;
  #firstPiece = 0;
  #needsSpace = false;
  /** Written before the next word. */
  #marker = '';

  onopentag(name: string): void {
    this.#depth += 1;
    if (this.#depth > MAX_NESTING) throw new Error(`elements are nested over ${MAX_NESTING} deep`);
    if (HIDDEN_ELEMENTS.has(name)) this.#hidden += 1;
    if (this.#hidden > 0) return;
    if (name === 'table' || levelOf(name) !== undefined) this.#endBlock();
    if (BLOCK_ELEMENTS.has(name)) this.#endLine();
    if (name === 'table') this.#tables += 1;
    if (name === 'pre') this.#preformatted += 1;
    this.#heading = levelOf(name) ?? this.#heading;
    if (CELL_ELEMENTS.has(name) && this.#isInLine()) this.#write(' |');
    if (CELL_ELEMENTS.has(name)) this.#needsSpace = true;
    if (name === 'li') this.#marker = '- ';
  }

  onclosetag(name: string): void {
    this.#depth -= 1;
    if (HIDDEN_ELEMENTS.has(name)) this.#hidden = Math.max(0, this.#hidden - 1);
    if (this.#hidden > 0) return;
    if (levelOf(name) !== undefined) {
      this.#endBlock();
      this.#heading = undefined;
    }
    if (BLOCK_ELEMENTS.has(name)) this.#endLine();
    if (name === 'pre') {
      this.#endBlock();
      this.#preformatted = Math.max(0, this.#preformatted - 1);
    }
    if (name === 'table') {
      this.#endBlock();
      this.#tables = Math.max(0, this.#tables - 1);
    }
  }

  ontext(text: string): void {
    if (this.#hidden > 0) return;
    const { startIndex: source, endIndex } = this.place;
    const isEntity = endIndex + 1 - source !== text.length;
    for (const [word, at] of wordsOf(text, this.#preformatted > 0)) {
      if (word.trim() === '' && this.#preformatted === 0) {
        this.#needsSpace = true;
      } else {
        this.#writeWord(word, {
          source: isEntity ? source : source + at,
          sourceEnd: isEntity ? endIndex + 1 : source + at + word.length,
          isEntity,
        });
      }
    }
  }

  read(): BlockText {
    this.#endBlock();
    const text = this.#pieces.join('');
    const toSource = (start: number, end: number): readonly [number, number] => {
      const first = this.#spanAt(start);
      const last = this.#spanAt(end - 1);
      return [
        first.isEntity ? first.source : first.source + start - first.at,
        last.isEntity ? last.sourceEnd : last.source + end - last.at,
      ];
    };
    return { text, blocks: this.#blocks, toSource };
  }

  #writeWord(word: string, span: Omit<Span, 'at'>): void {
    if (this.#needsSpace && this.#isInLine()) this.#write(' ');
    this.#needsSpace = false;
    if (this.#start === undefined) {
      this.#start = this.#length;
      this.#firstPiece = this.#pieces.length;
    }
    const at = this.#length;
    if (this.#marker !== '') this.#spans.push({ ...span, at, isEntity: true });
    this.#write(this.#marker);
    this.#marker = '';
    this.#spans.push({ ...span, at: this.#length });
    this.#write(word);
  }

  #write(text: string): void {
    this.#pieces.push(text);
    this.#length += text.length;
  }

  /** Returns whether the last line has text. */
  #isInLine(): boolean {
    return this.#start !== undefined && this.#pieces.at(-1) !== '\n';
  }

  /** Ends a line. Outside of tables it ends the block too. */
  #endLine(): void {
    this.#needsSpace = false;
    if (this.#preformatted > 0) return;
    if (this.#tables === 0) this.#endBlock();
    else if (this.#isInLine()) this.#write('\n');
  }

  #endBlock(): void {
    const start = this.#start;
    if (start === undefined) return;
    const read = this.#pieces.slice(this.#firstPiece).join('');
    const title = read.trim();
    const first = start + read.indexOf(title);
    const range = { start: first, end: first + title.length };
    this.#start = undefined;
    this.#needsSpace = false;
    if (this.#pieces.at(-1) !== '\n') this.#write('\n');
    if (title === '') return;
    const level = this.#heading;
    if (level !== undefined) this.#blocks.push({ ...range, kind: 'heading', level, title });
    else this.#blocks.push({ ...range, kind: this.#kind() });
  }

  #kind(): 'paragraph' | 'code' | 'table' {
    if (this.#preformatted > 0) return 'code';
    return this.#tables > 0 ? 'table' : 'paragraph';
  }

  /** Returns the last span that begins at an offset or before it. */
  #spanAt(offset: number): Span {
    let low = 0;
    let high = this.#spans.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#spans[middle]?.at ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return this.#spans[low] as Span;
  }
}

/** Returns the words and the gaps of a text, or the whole text if it is preformatted. */
function wordsOf(text: string, isPreformatted: boolean): (readonly [string, number])[] {
  if (isPreformatted) return [[text, 0]];
  return [...text.matchAll(/\s+|\S+/g)].map((match) => [match[0], match.index] as const);
}

/** Returns the level of a heading element. */
function levelOf(name: string): number | undefined {
  const [, level] = /^h([1-6])$/.exec(name) ?? [];
  return level === undefined ? undefined : Number(level);
}
