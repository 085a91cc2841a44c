import type { TextBuilder } from './text-builder.ts';

type Paragraph = { text: string; level: number | undefined; isItem: boolean };

/**
 * Collects the paragraphs and tables of a file. A paragraph may hold others, such as text boxes and
 * footnotes, which come before it. A table in a cell is text of the cell.
 */
export class Paragraphs {
  readonly #builder: TextBuilder;
  readonly #open: Paragraph[] = [];
  #tables = 0;
  #rows: string[] = [];
  #cells: string[] = [];
  #cell = '';

  constructor(builder: TextBuilder) {
    this.#builder = builder;
  }

  /** Begins a paragraph, or a heading of a level. */
  open(level?: number): void {
    this.#open.push({ text: '', level, isItem: false });
  }

  write(text: string): void {
    const paragraph = this.#open.at(-1);
    if (paragraph) paragraph.text += text;
  }

  setLevel(level: number | undefined): void {
    const paragraph = this.#open.at(-1);
    if (paragraph) paragraph.level = level;
  }

  /** Makes the paragraph an item of a list. */
  setItem(): void {
    const paragraph = this.#open.at(-1);
    if (paragraph) paragraph.isItem = true;
  }

  close(): void {
    const paragraph = this.#open.pop();
    if (!paragraph) return;
    const { text, level, isItem } = paragraph;
    if (this.#tables > 0) this.#cell += ` ${text}`;
    else if (level !== undefined) this.#builder.add(text, { level });
    else if (text.trim() !== '') this.#builder.add(isItem ? `- ${text.trim()}` : text);
  }

  openTable(): void {
    this.#tables += 1;
  }

  closeCell(): void {
    if (this.#tables !== 1) return;
    this.#cells.push(this.#cell.replaceAll(/\s+/g, ' ').trim());
    this.#cell = '';
  }

  closeRow(): void {
    if (this.#tables !== 1) return;
    this.#rows.push(rowOf(this.#cells));
    this.#cells = [];
  }

  closeTable(): void {
    this.#tables -= 1;
    if (this.#tables !== 0) return;
    this.#builder.add(this.#rows.join('\n'), 'table');
    this.#rows = [];
  }
}

/** Returns the line of a row of a table, without the empty cells at its end. */
export function rowOf(cells: readonly (string | undefined)[]): string {
  const all = Array.from(cells, (cell) => (cell ?? '').replaceAll(/\s+/g, ' ').trim());
  while (all.at(-1) === '') all.pop();
  return all.join(' | ');
}
