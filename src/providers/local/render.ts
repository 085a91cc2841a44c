import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { tableIn } from './table.ts';
import { parseResult, type Result } from './turn.ts';
import { contentStems, overlap } from './words.ts';

const MAX_ROWS = 8;
const MAX_READ = 8000;
const PASSAGE = 300;
const MAX_SENTENCES = 3;
/** Keys of a result that are technical and not content. */
const HIDDEN = /^(_|embedding$|vector$|score$|similarity$|distance$|rank$)/;

/**
 * Renders a result as lines for a customer. Each line cites its tool. Empty when the result has no
 * content.
 */
export function renderResult(result: Result, question: string): string[] {
  if (troubleOf(result.content) !== null) return [];
  const lines = linesOf(result.content, contentStems(question.slice(0, MAX_READ)));
  const about = lines.length === 1 ? aboutOf(result, lines.join()) : '';
  // after a row of a table the name would become a cell
  return lines.map((line) => `${about}${line}${line.endsWith('|') ? '\n' : ' '}[${result.name}]`);
}

/** Returns the message of a failed tool call, or null for a successful call. */
export function troubleOf(content: Json): string | null {
  if (typeof content === 'string') return /^error\b:?/i.test(content) ? content : null;
  if (!isJsonObject(content)) return null;
  const error = isJsonObject(content.error) ? content.error : content;
  const message = typeof error.message === 'string' ? error.message : null;
  if (typeof content.error === 'string' && content.error !== '') return content.error;
  if (isJsonObject(content.error)) return message ?? 'it failed';
  return message !== null && 'code' in content && 'retryable' in content ? message : null;
}

function linesOf(value: Json, query: string[]): string[] {
  if (typeof value === 'string') {
    const text = tableText(value, query) ?? passage(value, query);
    return text === '' ? [] : [text];
  }
  if (Array.isArray(value)) return rowLines(value, query);
  if (!isJsonObject(value)) return value === null ? [] : [scalar(value)];
  const lists = Object.entries(value).filter(([, inner]) => isRows(inner));
  const rest = Object.fromEntries(Object.entries(value).filter(([, inner]) => !isRows(inner)));
  const only = lists.length === 1 && Object.keys(rest).length === 0;
  const head = flat(rest, query);
  const rows = lists.flatMap(([key, inner]) =>
    linesOf(inner, query).map((line) => (only ? line : `${label(key)}: ${line}`)),
  );
  // Counters around an empty list ("total: 0") are no content.
  const empty = Object.values(value).some((inner) => Array.isArray(inner) && inner.length === 0);
  return rows.length === 0 && empty && !/: [^0\s]/.test(head)
    ? []
    : [head, ...rows].filter(Boolean);
}

const isRows = (value: Json): boolean => Array.isArray(value) && value.some(isJsonObject);

function rowLines(rows: Json[], query: string[]): string[] {
  if (rows.length > 0 && !rows.some(isJsonObject)) return [rows.map(scalar).join(', ')];
  const lines = rows.flatMap((row) => {
    const line = isJsonObject(row) ? flat(row, query) : scalar(row);
    return line === '' ? [] : [line];
  });
  const more = lines.length - MAX_ROWS;
  return [...lines.slice(0, MAX_ROWS), ...(more > 0 ? [`… and ${more} more`] : [])];
}

/**
 * Renders `{"status": "shipped", "carrier": {"name": "DHL"}}` as `status: shipped, carrier name:
 * DHL`.
 */
function flat(row: JsonObject, query: string[], prefix = ''): string {
  return Object.entries(row)
    .flatMap(([key, value]) => {
      if (value === null || value === '' || HIDDEN.test(key)) return [];
      const name = `${prefix}${label(key)}`;
      if (isJsonObject(value)) return [flat(value, query, `${name} `)];
      if (Array.isArray(value))
        return value.length === 0 ? [] : [`${name}: ${value.map(scalar).join(', ')}`];
      return [`${name}: ${typeof value === 'string' ? passage(value, query) : scalar(value)}`];
    })
    .filter(Boolean)
    .join(', ');
}

const label = (key: string): string => key.replace(/[_-]+/g, ' ').trim();

function scalar(value: Json): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return isJsonObject(value)
    ? `(${flat(value, [])})`
    : Array.isArray(value)
      ? value.map(scalar).join(' ')
      : String(value);
}

/**
 * Renders a text with a table. The table keeps its lines, with the same limit as other rows.
 * Returns null for a text without a table.
 */
function tableText(text: string, query: string[]): string | null {
  const table = tableIn(text);
  if (table === null) return null;
  const more = table.rows.length - MAX_ROWS;
  const rest = more > 0 ? `… and ${more} more` : '';
  return [
    passage(table.before, query),
    [...table.head, ...table.rows.slice(0, MAX_ROWS)].join('\n'),
    [rest, passage(table.after, query)].filter(Boolean).join(', '),
  ]
    .filter(Boolean)
    .join('\n\n');
}

/**
 * Returns a short text unchanged. Of a long text, returns the sentences nearest to the question, in
 * their order.
 */
function passage(text: string, query: string[]): string {
  const clean = text.replace(/\s+/g, ' ').trim();
  if (clean.length <= PASSAGE) return clean;
  const sentences = text.split(/(?<=[.!?])\s+|\n+/).map((one) => one.replace(/\s+/g, ' ').trim());
  const ranked = sentences
    .map((sentence, at) => ({ at, sentence, score: overlap(query, sentence) }))
    .filter(({ sentence }) => sentence !== '')
    .sort((a, b) => b.score - a.score || a.at - b.at);
  const best = ranked.filter(({ score }) => score > 0).slice(0, MAX_SENTENCES);
  const selected = (best.length > 0 ? best : ranked.slice(0, 1)).sort((a, b) => a.at - b.at);
  return selected.map(({ sentence }) => sentence.slice(0, 2 * PASSAGE)).join(' … ');
}

/** Returns "A-1001 — " for a line that does not name its subject itself. */
function aboutOf(result: Result, line: string): string {
  const args = parseResult(result.arguments);
  const [first, ...more] = isJsonObject(args) ? Object.values(args) : [];
  const short = (typeof first === 'string' && first.length <= 40) || typeof first === 'number';
  if (!short || more.length > 0 || line.includes(String(first)) || line.includes('\n')) return '';
  return `${first} — `;
}
