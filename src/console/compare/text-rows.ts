import { isJsonObject, type Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { diffHunks } from '../../text/unified-diff.ts';
import { diffWords, type TextPiece } from '../../text/word-diff.ts';

/** Two lines side by side. Undefined where a text has no such line. */
export type TextRow = {
  a: readonly TextPiece[] | undefined;
  b: readonly TextPiece[] | undefined;
  isSame: boolean;
};

/** Longest line whose words are compared. */
const MAX_WORDS = 2_000;

/**
 * Returns two texts line by line, side by side: each place where they differ, with two lines around
 * it. A row of undefined and undefined stands between two places. JSON gets a line for each value.
 */
export function textRows(a: string | null, b: string | null): TextRow[] {
  const hunks = diffHunks(readable(a), readable(b));
  return hunks.flatMap(({ lines }, index) => [
    ...(index > 0 ? [{ a: undefined, b: undefined, isSame: true }] : []),
    ...pairLines(lines),
  ]);
}

/** Pairs the removed lines of a place with the added ones. */
function pairLines(lines: readonly string[]): TextRow[] {
  const rows: TextRow[] = [];
  let [removed, added]: [string[], string[]] = [[], []];
  const close = () => {
    for (let at = 0; at < Math.max(removed.length, added.length); at += 1) {
      rows.push(pairOf(removed[at], added[at]));
    }
    [removed, added] = [[], []];
  };
  for (const line of lines) {
    const text = line.slice(1);
    if (line.startsWith('-')) removed.push(text);
    else if (line.startsWith('+')) added.push(text);
    else {
      close();
      const pieces = [{ text, isChanged: false }];
      if (line.startsWith(' ')) rows.push({ a: pieces, b: pieces, isSame: true });
    }
  }
  close();
  return rows;
}

function pairOf(a: string | undefined, b: string | undefined): TextRow {
  if (a === undefined || b === undefined || a.length + b.length > MAX_WORDS) {
    const whole = (text: string | undefined) =>
      text === undefined ? undefined : [{ text, isChanged: false }];
    return { a: whole(a), b: whole(b), isSame: false };
  }
  return { ...diffWords(a, b), isSame: false };
}

/** Writes a JSON object or array with a line for each value. Any other text stays as it is. */
function readable(text: string | null): string | null {
  if (text === null || !/^\s*[[{]/.test(text)) return text;
  try {
    const value: Json = parseJson(text);
    return Array.isArray(value) || isJsonObject(value) ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text; // a text that was cut
  }
}
