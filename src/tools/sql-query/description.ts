import type { ReadableColumn, ReadableTable } from '../../contracts/bounded-read.ts';
import { firstCharacters } from '../../text/truncate.ts';

const COMMENT_CHARACTERS = 300;

/**
 * Describes tables for a model: one line each, or in detail if the tables were requested by name.
 */
export function describedTables(
  tables: readonly ReadableTable[],
  schemas: readonly string[],
  inDetail: boolean,
): string {
  if (tables.length === 0) {
    return `There is no table that may be read in ${schemas.join(', ')}: none is opened to agents there, or the schema has another name.`;
  }
  const lines = tables.map((table) =>
    inDetail
      ? [heading(table), ...table.columns.map(detail)].join('\n')
      : `${heading(table)}: ${table.columns.map(brief).join(', ')}`,
  );
  return lines.join('\n');
}

/** Returns the names that no table has. */
export function unknownTables(
  names: readonly string[],
  tables: readonly ReadableTable[],
): string[] {
  const known = tables.flatMap(({ schema, name }) => [name, `${schema}.${name}`]);
  const lower = new Set(known.map((name) => name.toLowerCase()));
  return names.filter((name) => !lower.has(name));
}

function heading({ schema, name, is_view, row_estimate, comment }: ReadableTable): string {
  const facts = [is_view ? 'view' : '', row_estimate === null ? '' : `about ${row_estimate} rows`];
  const said = facts.filter(Boolean).join(', ');
  return `${quoteName(schema)}.${quoteName(name)}${said ? ` (${said})` : ''}${remark(comment)}`;
}

function brief({ name, type, refers_to }: ReadableColumn): string {
  return `${quoteName(name)} ${type}${refers_to ? ` → ${refers_to}` : ''}`;
}

function detail(column: ReadableColumn): string {
  const { is_key, is_required, refers_to, comment, samples = [] } = column;
  const facts = [
    `  ${quoteName(column.name)} ${column.type}`,
    is_key ? 'key' : is_required ? 'never null' : '',
    refers_to ? `refers to ${refers_to}` : '',
    samples.length > 0 ? `such as ${samples.map((value) => JSON.stringify(value)).join(', ')}` : '',
  ];
  return facts.filter(Boolean).join(', ') + remark(comment);
}

function remark(comment: string | null): string {
  return comment ? ` — ${firstCharacters(comment.replace(/\s+/g, ' '), COMMENT_CHARACTERS)}` : '';
}

/** Quotes a name for a query. */
function quoteName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
