import { structuredPatch } from 'diff';

const CONTEXT = 2;
/** Most lines that differ. Beyond, the texts are shown as a block each. */
const MAX_EDITS = 4_000;

/** A place where two texts differ: lines marked with `-`, `+` or a space, and where they begin. */
export type DiffHunk = { oldStart: number; newStart: number; lines: string[] };

/** Returns the places where two texts differ, with two lines of context. Null is no text at all. */
export function diffHunks(before: string | null, after: string | null): DiffHunk[] {
  const [from, to] = [before, after].map((text) => (text === null ? '' : `${text}\n`)) as [
    string,
    string,
  ];
  const patch = structuredPatch('', '', from, to, '', '', {
    context: CONTEXT,
    maxEditLength: MAX_EDITS,
  });
  if (patch) return patch.hunks;
  const markLines = (mark: string, text: string) =>
    text
      .slice(0, -1)
      .split('\n')
      .map((line) => `${mark}${line}`);
  return [{ oldStart: 1, newStart: 1, lines: [...markLines('-', from), ...markLines('+', to)] }];
}

/** Returns the lines in which two texts differ, each place under a head. */
export function unifiedDiff(before: string, after: string): string {
  return diffHunks(before, after).flatMap(hunkLines).join('\n');
}

/** Returns the lines of a place under its head. */
export function hunkLines({ oldStart, newStart, lines }: DiffHunk): string[] {
  return [`@@ -${oldStart} +${newStart} @@`, ...lines];
}

/**
 * Returns the lines in which two texts differ, marked as in a patch, with two lines of context.
 * Each place has a head, unless one line was replaced by another and nothing else differs.
 */
export function changedLines(before: string | null, after: string | null): string[] {
  const hunks = diffHunks(before, after);
  const isShort = hunks.length === 1 && hunks.every(({ lines }) => lines.length <= 2);
  return hunks.flatMap((hunk) => (isShort ? hunk.lines : hunkLines(hunk)));
}
