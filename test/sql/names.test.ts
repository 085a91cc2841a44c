import { describe, expect, test } from 'vitest';
import { testDatabase } from '../support/database.ts';
import { all, one, refusal } from './support.ts';

const db = testDatabase();

const insert = (table: string, row: Record<string, unknown>) => {
  const places = Object.keys(row).map((_, index) => `$${index + 1}`);
  return db.pool.query(
    `insert into howdah.${table} (${Object.keys(row).join(', ')}) values (${places.join(', ')}) returning id`,
    Object.values(row),
  );
};

test('every name column is checked, except in the log and where a stricter check applies', async () => {
  const free = await all(
    db.pool,
    `select c.relname as name from pg_class as c
     join pg_attribute as a on a.attrelid = c.oid and a.attname in ('name', 'username') and not a.attisdropped
     where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p') and not exists (
       select from pg_trigger as t where t.tgrelid = c.oid and t.tgname = '_990_refuse_invalid'
         and a.attnum = any (t.tgattr) and strpos(pg_get_functiondef(t.tgfoid), format('name_fault(n.%I)', a.attname)) > 0
     )`,
  );
  expect(free.map(({ name }) => name).sort()).toEqual(['resources', 'steps', 'tools']);
});

describe('a name with control characters is rejected', () => {
  test.each<[string, string, Record<string, unknown>]>([
    ['tenants', 'name', { slug: 'names' }],
    ['users', 'username', {}],
    ['models', 'name', { provider: 'local', model: 'm' }],
    ['agents', 'name', {}],
  ])('in %s', async (table, column, row) => {
    for (const name of [
      'a\nb',
      'a\u0000b'.replace('\0', '\t'),
      '\u001b[2J',
      'a\u0085',
      'a\u2028b',
      'a\u202eb',
    ]) {
      const refused = await refusal(insert(table, { ...row, [column]: name }));
      expect(refused).toMatchObject({
        code: 'HWINV',
        hint: `Use one line of visible text for ${column}.`,
      });
      expect(refused.message).toMatch(new RegExp(`^${column} of ${table} contains a `));
      expect(refused.fields).toEqual({ table, field: column });
    }
    for (const name of ['', ' ', '\u00a0']) {
      const refused = await refusal(insert(table, { ...row, [column]: name }));
      expect(['HWINV', '23514']).toContain(refused.code);
    }
    for (const name of ['Ada Lovelace', 'Zoë (2)', 'عادة', '日本語', '👩‍💻']) {
      const slug =
        'slug' in row ? { slug: `n-${[...name].length}-${Buffer.from(name).length}` } : {};
      await insert(table, { ...row, ...slug, [column]: name });
    }
  });

  test('for an API key', async () => {
    const made = db.pool.query(`select howdah.create_api_key($1)`, ['a\nb']);
    expect(await refusal(made)).toMatchObject({
      code: 'HWINV',
      fields: { field: 'name', table: 'api_keys' },
    });
  });

  test('unless it exists already, until it is written again', async () => {
    await db.pool.query('alter table howdah.users disable trigger _990_refuse_invalid');
    const { id } = (await insert('users', { username: 'old\nname' })).rows[0];
    await db.pool.query('alter table howdah.users enable trigger _990_refuse_invalid');
    await db.pool.query(`update howdah.users set email = 'a@b.c' where id = $1`, [id]);
    const rename = 'update howdah.users set username = $2 where id = $1';
    expect(await refusal(db.pool.query(rename, [id, 'new\nname']))).toMatchObject({
      code: 'HWINV',
    });
    await db.pool.query(rename, [id, 'new name']);
    expect(await one(db.pool, 'select username from howdah.users where id = $1', [id])).toEqual({
      username: 'new name',
    });
  });
});

test('an API key of an inactive tenant is rejected', async () => {
  const { id } = (await insert('tenants', { slug: 'shut', name: 'Shut', is_active: false }))
    .rows[0];
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query(`select set_config('howdah.tenant_id', $1, true)`, [id]);
    expect(await refusal(client.query(`select howdah.create_api_key('ci')`))).toMatchObject({
      code: 'HWCNF',
      message: 'the tenant shut is not active',
    });
  } finally {
    await client.query('rollback');
    client.release();
  }
});
