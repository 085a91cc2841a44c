/** A part of the text of a document: a chunk, or what is between two chunks. */
export type Part<Chunk> = { text: string; chunk?: Chunk };

type Place = { start_offset: number; end_offset: number };

/**
 * Divides a text at the places of its chunks. Offsets count characters, and a character beyond the
 * first 65,536 is two units of a text in JavaScript. Begins with the text before the first chunk,
 * or with the first chunk for a later page; ends likewise.
 */
export function markChunks<Chunk extends Place>(
  text: string,
  chunks: readonly Chunk[],
  { isFirst, isLast }: { isFirst: boolean; isLast: boolean },
): Part<Chunk>[] {
  const slice = slicer(text);
  const parts: Part<Chunk>[] = [];
  let at = isFirst ? 0 : (chunks[0]?.start_offset ?? text.length);
  for (const chunk of chunks) {
    if (chunk.start_offset > at) parts.push({ text: slice(at, chunk.start_offset) });
    parts.push({ text: slice(Math.max(at, chunk.start_offset), chunk.end_offset), chunk });
    at = Math.max(at, chunk.end_offset);
  }
  if (isLast) parts.push({ text: slice(at) });
  return parts.filter((part) => part.chunk !== undefined || part.text.trim() !== '');
}

/** Returns a function that takes a part of a text by numbers of characters. */
function slicer(text: string): (from: number, to?: number) => string {
  if (!/[\ud800-\udfff]/.test(text)) return (from, to) => text.slice(from, to);
  const characters = [...text];
  return (from, to) => characters.slice(from, to).join('');
}

/** Returns the number of characters of a text. */
export function characterCount(text: string): number {
  return /[\ud800-\udfff]/.test(text) ? [...text].length : text.length;
}
