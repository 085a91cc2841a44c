import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { expect } from 'vitest';
import {
  chooseChanged,
  digestsOf,
  replaceableFiles,
  type SqlFile,
} from '../../../src/db/schema/replaceable-files.ts';

/** The migration and the rows of rules in the example, by file. */
export function exampleTable(): { migration: string; rules: Map<string, string> } {
  const readme = readFileSync(new URL('../../../sql/README.md', import.meta.url), 'utf8');
  const example = /\*\*A table\*\*[^`]*```sql\n([^`]*)```/.exec(readme)?.[1] ?? '';
  const [migration = '', ...parts] = example.split(/^-- 04_tables\//m);
  const rules = parts.map((part): [string, string] => {
    const [head = '', ...row] = part.trimEnd().split('\n');
    return [`sql/04_tables/${/^\w+\.sql/.exec(head)?.[0]}`, row.join('\n').trimEnd()];
  });
  return { migration, rules: new Map(rules) };
}

/** Adds a row to the first list of values of a file. */
export function withRow(file: SqlFile, row: string): SqlFile {
  return { ...file, text: file.text.replace(/\(values\n/, `(values\n${row},\n`) };
}

/**
 * Returns the example with rows about runs, as the text below it says: the column execution_id
 * without a foreign key, written once, and the anchor run.
 */
export function exampleAboutRuns(): ReturnType<typeof exampleTable> {
  const { migration, rules } = exampleTable();
  const written = rules.get('sql/04_tables/written_columns.sql') ?? '';
  const rule = rules.get('sql/04_tables/table_rules.sql') ?? '';
  return {
    migration: migration.replace('  name text', '  execution_id uuid not null,\n  name text'),
    rules: new Map([
      ...rules,
      ['sql/04_tables/written_columns.sql', written.replace("''", "'execution_id'")],
      ['sql/04_tables/table_rules.sql', rule.replace("'user'", "'run'")],
    ]),
  };
}

/**
 * Adds the table of sql/README.md ("A table") in a transaction: applies its migration, and the
 * files that `migrate up` would choose for its rules.
 */
export async function addExampleTable(
  client: pg.ClientBase,
  { migration, rules } = exampleTable(),
): Promise<void> {
  expect([...rules.keys()]).toHaveLength(3);
  const before = replaceableFiles();
  const after = before.map((file) => withRow(file, rules.get(file.path) ?? ''));
  const changed = after.map((file, at) => (rules.has(file.path) ? file : (before[at] ?? file)));
  const [up] = migration.split('-- Down Migration');
  await client.query(`set local role howdah_owner; ${up}`);
  await client.query(`set local check_function_bodies = off; set local search_path = ''`);
  await client.query('set local client_min_messages = warning');
  for (const { text } of chooseChanged(changed, digestsOf(before)).files) {
    await client.query(text);
  }
  await client.query('reset role');
}
