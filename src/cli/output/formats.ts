import { HowdahError } from '../../contracts/errors.ts';

/** How results are written, by `-o`. What is no table is for programs: errors are then JSON too. */
export const FORMATS = ['table', 'json', 'jsonl', 'csv', 'yaml', 'id'] as const;
export type FormatName = (typeof FORMATS)[number];

/** One result as text; several come one after the other. */
export type Format = (value: unknown) => string;

type Row = Readonly<Record<string, unknown>>;

/** The format that a command line names, before commander has read it; undefined: none, or none of ours. */
export function formatIn(argv: readonly string[]): FormatName | undefined {
  const named = argv.flatMap((word, index) => {
    if (word === '-o' || word === '--output') return [argv[index + 1]];
    return /^(?:--output=|-o(?!-))(.+)$/.exec(word)?.slice(1) ?? [];
  });
  return FORMATS.find((name) => name === named.at(-1));
}

/** The library for YAML is loaded when it is asked for. */
export async function formatNamed(name: FormatName | undefined): Promise<Format | undefined> {
  if (name === 'jsonl') return (value) => rowsOf(value).map(asJson).join('\n');
  if (name === 'csv') return csv();
  if (name === 'id') return ids();
  if (name !== 'yaml') return undefined;
  return (await import('../../systems/yaml/yaml-text.ts')).yamlText;
}

/** Of a list its items; of anything else itself. */
function rowsOf(value: unknown): unknown[] {
  const items = (value as { items?: unknown } | null)?.items;
  return Array.isArray(items) ? items : [value];
}

function asJson(value: unknown): string {
  return JSON.stringify(value);
}

/** Quoted as RFC 4180 has it, with the lines of Unix, as psql writes it; a head line comes again only where the columns are others. */
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

/** Each once: what happens in a run names it again and again. */
function ids(): Format {
  const told = new Set<unknown>();
  return (value) => {
    const found = rowsOf(value).map((row) => (row as Row).id ?? (row as Row).execution_id);
    if (found.includes(undefined)) {
      throw new HowdahError('EUSAGE', 'what this command prints has no id', {
        hint: 'Use -o json.',
      });
    }
    const fresh = found.filter((id) => !told.has(id));
    for (const id of fresh) told.add(id);
    return fresh.join('\n');
  };
}
