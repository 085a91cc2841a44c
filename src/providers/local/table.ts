/**
 * A text with a Markdown table, such as a result of `sql_query`: the text before and after the
 * table, its head and its rows.
 */
export type TableText = { before: string; head: string[]; rows: string[]; after: string };

const ROW = /^\s*\|.*\|\s*$/;
const RULE = /^\s*\|(\s*:?-+:?\s*\|)+\s*$/;

/** Returns the first table of a text, or null when there is none. */
export function tableIn(text: string): TableText | null {
  const lines = text.split('\n');
  const rule = lines.findIndex((line, at) => RULE.test(line) && ROW.test(lines[at - 1] ?? ''));
  if (rule < 1) return null;
  const end = lines.findIndex((line, at) => at > rule && !ROW.test(line));
  const last = end === -1 ? lines.length : end;
  return {
    before: lines.slice(0, rule - 1).join('\n'),
    head: lines.slice(rule - 1, rule + 1),
    rows: lines.slice(rule + 1, last),
    after: lines.slice(last).join('\n'),
  };
}
