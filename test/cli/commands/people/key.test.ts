import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../support/database.ts';
import { runCli } from '../../run-cli.ts';

const KEY = /^hwd_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/;
const database = testDatabase();

beforeAll(async () => {
  await database.pool.query(`
    insert into howdah.tenants (slug, name) values ('acme', 'Acme');
    insert into howdah.users (tenant_id, username, role)
    select id, 'ada', 'viewer'::howdah.user_role from howdah.tenants where slug = 'acme'`);
});

const key = (...argv: string[]) => runCli(database.url, 'key', ...argv);
const create = (name: string, ...argv: string[]) =>
  key('create', name, '--tenant', 'acme', ...argv);
const rowOf = async (id: string) =>
  (
    await database.pool.query(
      `select k.*, t.slug, extract(epoch from expires_at - k.created_at)::int as lasts
       from howdah.api_keys as k join howdah.tenants as t on t.id = k.tenant_id where k.id = $1`,
      [id],
    )
  ).rows[0];

describe('howdah key create', () => {
  test('prints the key on stdout, and its description on stderr', async () => {
    const { status, stdout, stderr } = await create('ci', '--scopes', 'run', '--expires', '30d');
    expect({ status, lines: stdout.split('\n').length }).toEqual({ status: 0, lines: 2 });
    expect(stdout.trim()).toMatch(KEY);
    expect(stderr).toContain(`Key 'ci' (${stdout.slice(0, 16)}…): member, read and run only`);
    expect(stderr).not.toContain(stdout.trim());
  });

  test('with --json prints all fields', async () => {
    const { stdout } = await create('ci', '--role', 'admin', '--expires', '12h', '--json');
    const made = JSON.parse(stdout);
    expect(made.key).toMatch(KEY);
    expect(made).toMatchObject({ name: 'ci', role: 'admin', scopes: null, user_id: null });
    expect(await rowOf(made.id)).toMatchObject({
      slug: 'acme',
      tenant_id: made.tenant_id,
      prefix: made.prefix,
      role: 'admin',
      lasts: 43_200,
    });
  });

  test('without --tenant creates a key for the tenant of the login', async () => {
    const { status, stdout } = await key('create', 'ci', '--json');
    expect(status).toBe(0);
    expect(await rowOf(JSON.parse(stdout).id)).toMatchObject({ slug: 'default' });
  });

  test('for a viewer creates a viewer key, and rejects a higher role', async () => {
    const made = JSON.parse((await create('hers', '--user', 'ada', '--json')).stdout);
    expect(await rowOf(made.id)).toMatchObject({ role: 'viewer', user_id: made.user_id });
    const { status, stdout, stderr } = await create('hers', '--user', 'ada', '--role', 'member');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('ada is viewer, and the key of a user cannot have a higher role');
  });
});

test('howdah key list shows existing keys without their secrets', async () => {
  const made = JSON.parse((await create('listed', '--scopes', 'run,edit', '--json')).stdout);
  const { status, stdout } = await key('list');
  expect(status).toBe(0);
  expect(stdout).toMatch(new RegExp(`${made.prefix} +listed +acme .*member +read,run,edit +good`));
  expect(stdout).not.toContain(made.key.split('_')[2]);
  const { items } = JSON.parse((await key('list', '--json', '--tenant', 'acme')).stdout);
  expect(items[0]).toMatchObject({
    id: made.id,
    tenant: 'acme',
    last_used_at: null,
    made_without_login: false,
  });
  expect(items[0]).not.toHaveProperty('hash');
  expect((await key('list', '--tenant', 'default')).stdout).not.toContain(made.prefix);
});

describe('howdah key revoke', () => {
  test.each<[string, (made: { id: string; prefix: string; key: string }) => string]>([
    ['the id of a key', ({ id }) => id],
    ['the prefix of a key', ({ prefix }) => prefix],
    ['the whole key', (made) => made.key],
  ])('accepts %s', async (_what, named) => {
    const made = JSON.parse((await create('gone', '--json')).stdout);
    const { status, stdout } = await key('revoke', named(made), '--yes');
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${made.id} revoked\n` });
    expect((await rowOf(made.id)).revoked_at).not.toBeNull();
    expect(JSON.parse((await key('revoke', named(made), '--yes', '--json')).stdout)).toMatchObject({
      id: made.id,
    });
    expect((await key('list')).stdout).toMatch(new RegExp(`${made.prefix} .* revoked`));
  });

  test.each([['hwd_000000000000'], ['01a1f805-7e9f-729f-9dc6-14d018338ca2']])(
    'of the unknown key %s exits 3',
    async (named) => {
      const { status, stdout, stderr } = await key('revoke', named, '--yes');
      expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
      expect(stderr).toContain(`there is no API key ${named}`);
    },
  );
});

test.each([
  [['create', '--tenant', 'acme'], 2, /name.*\nusage: howdah key create \[options\] <name>\n/],
  [
    ['crate', 'ci'],
    2,
    /usage: howdah key \[options\] create\|list\|revoke\n hint: Did you mean create\?/,
  ],
  [
    ['create', 'ci', '--tenat', 'acme'],
    2,
    /usage: howdah key create .*\n hint: Did you mean --tenant/,
  ],
  [['create', ' ', '--tenant', 'acme'], 2, /name of an API key has 1 to 100/],
  [['create', 'ci', '--tenant', 'acne'], 3, /no tenant named 'acne'/],
  [['create', 'ci', '--tenant', 'acme', '--user', 'eve'], 3, /there is no user 'eve'/],
  [['create', 'ci', '--tenant', 'acme', '--role', 'postgres'], 2, /owner, admin, member, viewer/],
  [['create', 'ci', '--tenant', 'acme', '--scopes', 'run,fly'], 2, /read, run, edit, manage/],
  [['create', 'ci', '--tenant', 'acme', '--expires', 'soon'], 2, /such as 8h/],
  [['create', 'ci', '--tenant', 'acme', '--expires', '3651d'], 2, /at most 3650d/],
  [['revoke', 'S3CRET', '--yes'], 2, /neither the id nor the prefix of an API key/],
])('%j is rejected', async (argv, expected, words) => {
  const { status, stdout, stderr } = await key(...argv);
  expect({ status, stdout }).toEqual({ status: expected, stdout: '' });
  expect(stderr).toMatch(words);
  expect(stderr).not.toContain('S3CRET');
});
