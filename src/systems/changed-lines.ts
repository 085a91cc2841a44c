import { structuredPatch } from 'diff';

const CONTEXT = 2;

/**
 * The lines that went and came between two texts, marked as in a patch, with two lines around them. Places are headed by where they
 * are, unless one line became another and there is nothing else.
 */
export function changedLines(before: string | null, after: string | null): string[] {
  const [from, to] = [before, after].map((text) => (text === null ? '' : `${text}\n`));
  const { hunks } = structuredPatch('', '', from ?? '', to ?? '', '', '', { context: CONTEXT });
  const isShort = hunks.length === 1 && hunks.every(({ lines }) => lines.length <= 2);
  return hunks.flatMap(({ oldStart, newStart, lines }) => [
    ...(isShort ? [] : [`@@ -${oldStart} +${newStart} @@`]),
    ...lines,
  ]);
}
