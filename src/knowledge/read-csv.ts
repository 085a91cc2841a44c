import { type Block, type BlockText, type Line, trimRange } from './block.ts';

/**
 * Reads CSV: the first row is the heading of all others, so that each piece names its columns, and
 * a row in quotes may have several lines.
 */
export function readCsv(text: string): BlockText {
  const blocks: Block[] = [];
  for (const row of rowsOf(text)) {
    const range = trimRange(text, row.start, row.end);
    if (!range) continue;
    if (blocks.length > 0) blocks.push({ ...range, kind: 'table' });
    else blocks.push({ ...range, kind: 'heading', level: 1, title: titleOf(text, range) });
  }
  return { text, blocks, toSource: (start, end) => [start, end] };
}

const titleOf = (text: string, { start, end }: Line) => text.slice(start, end).replace(/\s+/g, ' ');

/** Returns the rows. A quote counts only where a field begins, so `5" pipe` opens none. */
function rowsOf(text: string): Line[] {
  const rows: Line[] = [];
  let start = 0;
  let isQuoted = false;
  let isFieldStart = true;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (isQuoted) {
      if (character !== '"') continue;
      if (text[at + 1] === '"') at += 1;
      else isQuoted = false;
      continue;
    }
    if (character === '"' && isFieldStart) isQuoted = true;
    isFieldStart = ',;\t|\n'.includes(character);
    if (character !== '\n') continue;
    rows.push({ start, end: at });
    start = at + 1;
  }
  return [...rows, { start, end: text.length }];
}
