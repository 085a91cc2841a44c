import { HowdahError } from '../../contracts/errors.ts';

/**
 * The formats of results, selected by `-o`. All except `table` are for programs, so errors are then
 * JSON too.
 */
export const FORMATS = ['table', 'json', 'jsonl', 'csv', 'yaml', 'id'] as const;
export type FormatName = (typeof FORMATS)[number];

/**
 * A function that formats one result as text. Several results are formatted one after the other.
 */
export type Format = (value: unknown) => string;

type Row = Readonly<Record<string, unknown>>;

/**
 * Returns the format that a command line names, before commander has read it. Returns undefined if
 * it names none, or an unknown one.
 */
export function formatIn(argv: readonly string[]): FormatName | undefined {
  const named = argv.flatMap((word, index) => {
    if (word === '-o' || word === '--output') return [argv[index + 1]];
    return /^(?:--output=|-o(?!-))(.+)$/.exec(word)?.slice(1) ?? [];
  });
  return FORMATS.find((name) => name === named.at(-1));
}

/** Returns the function for a format. The library for YAML is loaded only when needed. */
export async function formatNamed(name: FormatName | undefined): Promise<Format | undefined> {
  if (name === 'jsonl') return (value) => rowsOf(value).map(asJson).join('\n');
  if (name === 'csv') return csv();
  if (name === 'id') return ids();
  if (name !== 'yaml') return undefined;
  return (await import('../../systems/yaml/yaml-text.ts')).yamlText;
}

/** Returns the items of a list, those of an answer of the API, or else the value itself. */
function rowsOf(value: unknown): unknown[] {
  const { items, data, ...rest } = (value ?? {}) as { items?: unknown; data?: unknown };
  if (Array.isArray(items)) return items;
  return Array.isArray(data) && Object.keys(rest).length === 0 ? data : [value];
}

function asJson(value: unknown): string {
  return JSON.stringify(value);
}

/**
 * Creates the CSV format. Values are quoted as in RFC 4180, and lines end as on Unix, as psql
 * writes them. A head line is repeated only where the columns change.
 */
function csv(): Format {
  let head = '';
  return (value) => {
    const lines: string[] = [];
    for (const row of rowsOf(value) as Row[]) {
      const names = Object.keys(row).map(field).join(',');
      if (names !== head) lines.push(names);
      head = names;
      lines.push(Object.values(row).map(field).join(','));
    }
    return lines.join('\n');
  };
}

function field(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Creates the format that prints each id once. The events of a run name the run again and again.
 */
function ids(): Format {
  const printed = new Set<unknown>();
  return (value) => {
    const found = rowsOf(value).map((row) => (row as Row).id ?? (row as Row).execution_id);
    if (found.includes(undefined)) {
      throw new HowdahError('EUSAGE', 'the output of this command has no id', {
        hint: 'Use -o json.',
      });
    }
    const fresh = found.filter((id) => !printed.has(id));
    for (const id of fresh) printed.add(id);
    return fresh.join('\n');
  };
}
