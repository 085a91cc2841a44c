import type { Json } from '../../json/json.ts';
import type { VersionChange } from '../../operations/definitions/versions.ts';
import { unifiedDiff } from '../../text/unified-diff.ts';
import { plainText } from '../output/terminal-text.ts';

/** Formats a change for people: its place, then the lines that were removed and added. */
export function versionDiff(change: VersionChange): string {
  return [change.place, linesOf(change)].map(plainText).join('\n');
}

function linesOf(change: VersionChange): string {
  if (change.old === null || change.new === null) {
    return [markLines('-', change.old), markLines('+', change.new)]
      .filter((text) => text)
      .join('\n');
  }
  return unifiedDiff(textOf(change.old), textOf(change.new));
}

function markLines(mark: '-' | '+', value: Json | null): string {
  return value === null ? '' : textOf(value).replace(/^/gm, mark);
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}
