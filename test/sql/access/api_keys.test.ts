import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  makeApiKey,
  makeTenant,
  one,
  refusal,
  refusedInside,
  rolledBack,
  takeRole,
} from '../support.ts';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function base62(number: bigint, digits: number): string {
  let text = '';
  for (let rest = number; text.length < digits; rest /= 62n) {
    text = `${DIGITS[Number(rest % 62n)]}${text}`;
  }
  return text;
}

describe('API keys', () => {
  const db = testDatabase();
  let a: string;
  let b: string;
  const people: Record<string, string> = {};

  beforeAll(async () => {
    [a, b] = [await makeTenant(db.pool), await makeTenant(db.pool)];
    for (const [name, role, tenant, is_active] of [
      ['owner', 'owner', a, true],
      ['admin', 'admin', a, true],
      ['member', 'member', a, true],
      ['viewer', 'viewer', a, true],
      ['gone', 'member', a, false],
      ['foreign', 'member', b, true],
    ]) {
      const { id } = await one(
        db.pool,
        `insert into howdah.users (username, role, tenant_id, is_active) values ($1, $2, $3, $4) returning id`,
        [name, role, tenant, is_active],
      );
      people[`${name}`] = id;
    }
  });

  /** Runs `work` as the API does for the user of this name, and rolls back. */
  const as = <T>(
    name: string,
    work: (client: pg.PoolClient) => Promise<T>,
    more: Record<string, string> = {},
  ) =>
    rolledBack(db.pool, async (client) => {
      const own = { 'howdah.tenant_id': a, 'howdah.user_id': people[name] ?? '' };
      await takeRole(client, 'howdah_app', { ...own, ...more });
      return work(client);
    });

  test('consist of an id, 32 random bytes and a checksum; only a hash is stored', async () => {
    const { id, key, prefix } = await makeApiKey(db.pool, a);
    expect(key).toMatch(/^hwd_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
    const [, found, secret, sum] = key.split('_') as [string, string, string, string];
    expect(prefix).toBe(`hwd_${found}`);
    expect(sum).toBe(base62(BigInt(crc32(key.slice(0, -7))), 6));
    const row = await one(db.pool, 'select * from howdah.api_keys where id = $1', [id]);
    expect(row).toMatchObject({ tenant_id: a, user_id: null, role: 'member', scopes: null });
    expect(row.hash).toEqual(createHash('sha256').update(secret).digest());
    expect(JSON.stringify(row)).not.toContain(secret);
    const other = await makeApiKey(db.pool, a);
    expect(other.prefix).not.toBe(prefix);
    expect(other.key.split('_')[2]).not.toBe(secret);
  });

  test('without a user act under their own name', async () => {
    const { id } = await makeApiKey(db.pool, a);
    const { name } = await one(db.pool, 'select name from howdah.api_keys where id = $1', [id]);
    const settings = { 'howdah.user_id': '', 'howdah.api_key_id': id, 'howdah.role': 'member' };
    const made = await as(
      'nobody',
      async (client) => {
        await client.query(`insert into howdah.agents (name) values ('made by a key')`);
        const run = await one(client, `select (howdah.run('made by a key', 'x')).created_by`);
        const version = await one(
          client,
          `select created_by from howdah.agent_versions where agent_id = howdah.agent('made by a key')`,
        );
        return [run.created_by, version.created_by];
      },
      settings,
    );
    expect(made).toEqual([`API key ${name}`, `API key ${name}`]);
  });

  test('are encoded in base 62 with a CRC-32 checksum', async () => {
    const texts = ['', '123456789', 'hwd_ü', 'x'.repeat(300)];
    const bytes = [...texts.map((text) => Buffer.from(text)), Buffer.alloc(32, 0xff)];
    for (const one_ of bytes) {
      const got = await one(
        db.pool,
        'select howdah_private.crc_32($1) as crc, howdah_private.base62($1, 43) as text',
        [one_],
      );
      const number = BigInt(`0x${one_.subarray(-32).toString('hex') || '0'}`);
      expect(Number(got.crc)).toBe(crc32(one_));
      if (one_.length <= 32) expect(got.text).toBe(base62(number, 43));
    }
  });

  test.each<[string, string, unknown[], string | object, Record<string, string>?]>([
    [
      'an admin can create a key with the role admin',
      'admin',
      ['admin'],
      { role: 'admin', scopes: null },
    ],
    ['an admin cannot create a key with the role owner', 'admin', ['owner'], 'HWDEN'],
    ['a member cannot create a key', 'member', ['viewer'], 'HWDEN'],
    ['scopes always include read', 'admin', ['member', ['run']], { scopes: ['read', 'run'] }],
    ['an empty list of scopes is rejected', 'admin', ['member', []], 'HWINV'],
    ['an unknown scope is rejected', 'admin', ['member', ['run', 'fly']], 'HWINV'],
    ['a null scope is rejected', 'admin', ['member', [null]], 'HWINV'],
    [
      'an admin can create a key for a user',
      'admin',
      ['viewer', null, null, 'member'],
      { role: 'viewer' },
    ],
    [
      'the role of a key cannot exceed the role of its user',
      'owner',
      ['member', null, null, 'viewer'],
      'HWINV',
    ],
    [
      'an admin cannot create a key for an owner',
      'admin',
      ['member', null, null, 'owner'],
      'HWDEN',
    ],
    [
      'an owner can create a key for an admin',
      'owner',
      ['member', null, null, 'admin'],
      { role: 'member' },
    ],
    [
      'a key cannot be created for an inactive user',
      'owner',
      ['member', null, null, 'gone'],
      'HWCNF',
    ],
    [
      'a key cannot be created for a user of another tenant',
      'owner',
      ['member', null, null, 'foreign'],
      'HWNTF',
    ],
    ['a key cannot expire in the past', 'owner', ['member', null, new Date(0)], 'HWINV'],
    [
      'a key that creates a key passes on its own scopes',
      'owner',
      ['member'],
      { scopes: ['read', 'manage'] },
      { 'howdah.scopes': 'read,manage' },
    ],
    [
      'a key that creates a key may pass on fewer scopes',
      'owner',
      ['member', ['read']],
      { scopes: ['read'] },
      { 'howdah.scopes': 'read,manage' },
    ],
    [
      'a key cannot pass on scopes that it lacks',
      'owner',
      ['member', ['run']],
      'HWDEN',
      { 'howdah.scopes': 'read,manage' },
    ],
    [
      'a key cannot create a key with a higher role',
      'owner',
      ['admin'],
      'HWDEN',
      { 'howdah.scopes': 'manage', 'howdah.role': 'member' },
    ],
    [
      'a key without a user cannot create a key with a higher role',
      'nobody',
      ['owner'],
      'HWDEN',
      { 'howdah.role': 'admin' },
    ],
  ])('%s', async (_claim, maker, [role, scopes, expires, user], expected, more) => {
    await as(
      maker,
      async (client) => {
        const text = `select * from howdah.create_api_key('k', $1, $2, $3, $4)`;
        const values = [role, scopes, expires, user && people[`${user}`]];
        if (typeof expected === 'object') {
          expect(await one(client, text, values)).toMatchObject(expected);
        } else {
          const refused = await refusedInside(client, text, values);
          expect(refused.code).toBe(expected);
          expect(refused.fields).toEqual(expect.any(Object));
          expect(refused.hint).toBeTruthy();
        }
      },
      more,
    );
  });

  test.each([[null], [' '], ['x'.repeat(101)]])('reject the name %j', async (name) => {
    const text = 'select howdah.create_api_key($1)';
    expect((await refusal(db.pool.query(text, [name]))).code).toBe('HWINV');
  });

  test('have a hash that no role can read', async () => {
    const { id } = await makeApiKey(db.pool, a);
    for (const role of ['howdah_app', 'howdah_analyst', 'howdah_worker', 'howdah_authenticator']) {
      await rolledBack(db.pool, async (client) => {
        await takeRole(client, role, { 'howdah.tenant_id': a });
        for (const text of [
          'select hash from howdah.api_keys',
          'select * from howdah.api_keys',
          'select to_jsonb(k) from howdah.api_keys as k',
        ]) {
          expect(await refusedInside(client, text)).toMatchObject({ code: '42501' });
        }
      });
    }
    await as('admin', async (client) => {
      const revoked = await one(client, 'select * from howdah.revoke_api_key($1)', [id]);
      expect(revoked).toMatchObject({ id, hash: null, revoked_at: expect.any(Date) });
    });
    const schema = readFileSync(
      new URL('../../../src/api/schema.graphql', import.meta.url),
      'utf8',
    );
    const [fields = ''] = /^type ApiKey [^}]*}/m.exec(schema) ?? [];
    expect(fields).toContain('prefix: String!');
    expect(fields).not.toContain('hash');
  });

  test('are listed and renamed by admins; no other column can be written', async () => {
    await makeApiKey(db.pool, b);
    for (const [name, isSeen] of [
      ['admin', true],
      ['member', false],
    ] as const) {
      const rows = await as(name, (client) => all(client, 'select tenant_id from howdah.api_keys'));
      expect(new Set(rows.map(({ tenant_id }) => tenant_id))).toEqual(new Set(isSeen ? [a] : []));
    }
    await as('admin', async (client) => {
      await client.query(`update howdah.api_keys set name = 'another'`);
      for (const column of ['role', 'scopes', 'hash', 'expires_at', 'revoked_at', 'user_id']) {
        const text = `update howdah.api_keys set ${column} = null`;
        expect(await refusedInside(client, text)).toMatchObject({ code: '42501' });
      }
      expect(await refusedInside(client, 'delete from howdah.api_keys')).toMatchObject({
        code: '42501',
      });
    });
  });

  test('are revoked permanently, within the tenant only', async () => {
    const [mine, theirs] = [await makeApiKey(db.pool, a), await makeApiKey(db.pool, b)];
    await db.pool.query(
      `update howdah.api_keys set revoked_at = now() - interval '1 day' where id = $1`,
      [mine.id],
    );
    await as('admin', async (client) => {
      const { old } = await one(
        client,
        `select revoked_at < now() - interval '1 hour' as old from howdah.revoke_api_key($1)`,
        [mine.id],
      );
      expect(old).toBe(true);
      const text = 'select howdah.revoke_api_key($1)';
      expect(await refusedInside(client, text, [theirs.id])).toMatchObject({ code: 'HWNTF' });
    });
  });

  test('are deleted with their user', async () => {
    const { id: user_id } = await one(
      db.pool,
      `insert into howdah.users (username, tenant_id) values ('short', $1) returning id`,
      [a],
    );
    const { id } = await makeApiKey(db.pool, a, { user_id });
    await db.pool.query('delete from howdah.users where id = $1', [user_id]);
    expect(await all(db.pool, 'select 1 from howdah.api_keys where id = $1', [id])).toEqual([]);
  });
});
