import type { Block, BlockText } from '../block.ts';
import { fileFault } from './file-fault.ts';

/** The most bytes of the text of a file, as of other documents. */
const MAX_TEXT_BYTES = 1_000_000;
/** Characters that no text has, and the form feed, which stands between pages. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are removed
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/g;

type Kind = 'paragraph' | 'code' | 'table' | { level: number };

/** Builds the text of a file from its blocks. There is a form feed between pages. */
export class TextBuilder {
  readonly #parts: string[] = [];
  readonly #blocks: Block[] = [];
  #length = 0;
  #bytes = 0;
  #page: number | undefined;
  #separator = '';

  /** Begins the next page. */
  addPage(): void {
    if (this.#page !== undefined) this.#write('\f');
    this.#page = (this.#page ?? 0) + 1;
    this.#separator = '';
  }

  /** Adds a block, or nothing for white space. */
  add(written: string, kind: Kind = 'paragraph'): void {
    this.#add(written, kind, '\n\n');
  }

  /** Adds a row of a table, on the line after the block before. */
  addRow(written: string): void {
    this.#add(written, 'table', '\n');
  }

  /** Adds all blocks of another text. */
  addText({ text, blocks }: BlockText): void {
    for (const block of blocks) {
      const part = text.slice(block.start, block.end);
      this.add(part, block.kind === 'heading' ? { level: block.level } : block.kind);
    }
  }

  read(): BlockText {
    const text = this.#parts.join('');
    return { text, blocks: this.#blocks, toSource: (start, end) => [start, end] };
  }

  #add(written: string, kind: Kind, separator: string): void {
    const text = written.replaceAll(/\r\n?/g, '\n').replaceAll(CONTROLS, '').toWellFormed().trim();
    if (text === '') return;
    if (this.#separator !== '') this.#write(separator);
    const start = this.#length;
    this.#write(text);
    this.#separator = separator;
    const range = {
      ...{ start, end: this.#length },
      ...(this.#page !== undefined && { page: this.#page }),
    };
    if (typeof kind === 'string') this.#blocks.push({ ...range, kind });
    else {
      const title = text.replaceAll(/\s+/g, ' ');
      this.#blocks.push({ ...range, kind: 'heading', level: kind.level, title });
    }
  }

  #write(text: string): void {
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes > MAX_TEXT_BYTES) {
      throw fileFault('too_large', 'the file has over 1 MB of text: divide it into several files');
    }
    this.#parts.push(text);
    this.#length += text.length;
  }
}
