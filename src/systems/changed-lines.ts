import { diffHunks, hunkLines } from '../text/unified-diff.ts';

/**
 * Returns the lines in which two texts differ, marked as in a patch, with two lines of context.
 * Each place has a head, unless one line was replaced by another and nothing else differs.
 */
export function changedLines(before: string | null, after: string | null): string[] {
  const hunks = diffHunks(before, after);
  const isShort = hunks.length === 1 && hunks.every(({ lines }) => lines.length <= 2);
  return hunks.flatMap((hunk) => (isShort ? hunk.lines : hunkLines(hunk)));
}
