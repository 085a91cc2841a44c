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

/** Names with a character that nobody sees, and the character. */
const UNREADABLE = [
  ['a\nb', 'U+000A'],
  ['a\tb', 'U+0009'],
  ['\u001b[2J', 'U+001B'],
  ['a\u0085', 'U+0085'],
  ['a\u2028b', 'U+2028'],
  ['a\u202eb', 'U+202E'],
  ['sup\u200bport', 'U+200B'],
  ['sup\u200cport', 'U+200C'],
  ['support\u200d', 'U+200D'],
  ['\ufeffsupport', 'U+FEFF'],
  ['sup\u00adport', 'U+00AD'],
  ['support\u200e', 'U+200E'],
  ['support\u2060', 'U+2060'],
  ['support\ufe0f', 'U+FE0F'],
  ['support\u{e0020}', 'U+E0020'],
  ['support\u3164', 'U+3164'],
  ['🤖\u200d', 'U+200D'],
  ['🤖\ufe0f', 'U+FE0F'],
] as const;
/** Names whose joiners and selectors belong to their script or emoji. */
const READABLE = [
  ...['Ada Lovelace', 'Zoë (2)', 'عادة', '日本語', '👩‍💻', '🏳️‍🌈 desk', '❤️', '1️⃣ first'],
  ...['می\u200cخواهم', 'क्\u200dष', '🕵🏽‍♂️'],
];

describe('a name with characters that nobody sees is rejected', () => {
  test.each<[string, string, Record<string, unknown>]>([
    ['tenants', 'name', { slug: 'names' }],
    ['users', 'username', {}],
    ['models', 'name', { provider: 'local', model: 'm' }],
    ['agents', 'name', {}],
  ])('in %s', async (table, column, row) => {
    for (const [name, character] of UNREADABLE) {
      const refused = await refusal(insert(table, { ...row, [column]: name }));
      expect(refused).toMatchObject({
        code: 'HWINV',
        hint: `Remove ${character} from ${column}.`,
      });
      expect(refused.message).toMatch(new RegExp(`^${column} of ${table} contains an? `));
      expect(refused.message).toContain(`(${character})`);
      expect(refused.fields).toEqual({ table, field: column, character });
    }
    for (const name of ['', ' ', '\u00a0']) {
      const refused = await refusal(insert(table, { ...row, [column]: name }));
      expect(['HWINV', '23514']).toContain(refused.code);
    }
    for (const name of READABLE) {
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

test('two agents do not look the same because of an invisible character', async () => {
  await insert('agents', { name: 'refunds' });
  const rename = `update howdah.agents set name = U&'ref\\200Bunds' where name = 'refunds'`;
  expect(await refusal(db.pool.query(rename))).toMatchObject({ fields: { character: 'U+200B' } });
});

test('a key that a program computes may have the joiners of any text', async () => {
  const { id } = await one(
    db.pool,
    `insert into howdah.executions (agent_id, input, concurrency_key)
     values (howdah.agent('development'), 'x', U&'chat \\200B 1') returning id`,
  );
  expect(id).toEqual(expect.any(String));
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
