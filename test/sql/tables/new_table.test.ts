import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { expect, test } from 'vitest';
import {
  chooseChanged,
  digestsOf,
  replaceableFiles,
  type SqlFile,
} from '../../../src/db/schema/replaceable-files.ts';
import { testDatabase } from '../../support/database.ts';
import { all, makeTenant, makeUser, one, refusedInside, rolledBack, takeRole } from '../support.ts';

// Adds the table of sql/README.md ("A table") by nothing but its migration and its rules, and walks
// it through what is computed from them.

const db = testDatabase();

/** The migration and the rows of rules in the example, by file. */
function exampleTable(): { migration: string; rules: Map<string, string> } {
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
function withRow(file: SqlFile, row: string): SqlFile {
  return { ...file, text: file.text.replace(/\(values\n/, `(values\n${row},\n`) };
}

/** Applies the migration, and the files that `migrate up` would choose for the new rules. */
async function addTable(client: pg.ClientBase): Promise<void> {
  const { migration, rules } = exampleTable();
  expect([...rules.keys()]).toHaveLength(3);
  const before = replaceableFiles();
  const after = before.map((file) => withRow(file, rules.get(file.path) ?? ''));
  const changed = after.map((file, at) => (rules.has(file.path) ? file : (before[at] ?? file)));
  await client.query(`set local role howdah_owner; ${migration}`);
  await client.query(`set local check_function_bodies = off; set local search_path = ''`);
  await client.query('set local client_min_messages = warning');
  for (const { text } of chooseChanged(changed, digestsOf(before)).files) {
    await client.query(text);
  }
  await client.query('reset role');
}

test('a table with rules has all that is computed from them', async () => {
  const tenant_id = await makeTenant(db.pool);
  const other = await makeTenant(db.pool);
  const ada = await makeUser(db.pool, { tenant_id, username: 'ada', role: 'member' });
  const eve = await makeUser(db.pool, { tenant_id, username: 'eve', role: 'viewer' });
  const as = (client: pg.ClientBase, tenant: string, user: string) =>
    takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.user_id': user });

  await rolledBack(db.pool, async (client) => {
    await addTable(client);
    await as(client, tenant_id, ada.id);
    const insert = `insert into howdah.notes (name, body) values ('first', $1) returning *`;
    const note = await one(client, insert, ['tea']);
    expect(note).toMatchObject({ tenant_id, user_id: ada.id, body: 'tea' });

    // checks, names and sizes
    expect(await refusedInside(client, insert, [''])).toMatchObject({
      code: 'HWINV',
      fields: { constraint: 'body_is_not_empty', fields: ['body'] },
      hint: 'Write a note in body.',
    });
    // privileges
    const steal = `update howdah.notes set user_id = '${eve.id}'`;
    expect(await refusedInside(client, steal)).toMatchObject({ code: '42501' });
    // permissions
    await as(client, tenant_id, eve.id);
    expect(await all(client, 'select name from howdah.notes')).toEqual([{ name: 'first' }]);
    expect(await refusedInside(client, insert, ['x'])).toMatchObject({
      code: 'HWDEN',
      fields: { object: 'notes', action: 'run', required_role: 'member' },
    });
    // other tenants
    await client.query('reset role');
    await as(client, other, ada.id);
    expect(await all(client, 'select name from howdah.notes')).toEqual([]);

    // updated_at, and the audit log
    await client.query('reset role');
    await client.query(`update howdah.notes set updated_at = '2020-01-01'`);
    expect(await one(client, 'select updated_at = now() as is_set from howdah.notes')).toEqual({
      is_set: true,
    });
    expect(
      await all(
        client,
        `select action, actor from howdah_private.audit_inbox where object = 'notes' and user_id = $1`,
        [ada.id],
      ),
    ).toEqual([{ action: 'insert', actor: 'ada' }]);

    // export, redaction and erasure of the user
    const documents = (redact: boolean) =>
      all(
        client,
        `select d ->> 'name' as name, d ->> 'body' as body
         from howdah.export_user_data($1, $2) as d where d ->> 'kind' = 'note'`,
        [ada.id, redact],
      );
    expect(await documents(false)).toEqual([{ name: 'first', body: 'tea' }]);
    expect(await documents(true)).toEqual([{ name: 'first', body: '[redacted]' }]);
    await client.query('select howdah.erase_user($1)', [ada.id]);
    expect(await all(client, 'select name from howdah.notes')).toEqual([]);
  });
});
