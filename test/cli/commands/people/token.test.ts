import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { testDatabase } from '../../../support/database.ts';
import { runCli } from '../../run-cli.ts';

const SECRET = 'a secret of at least thirty-two bytes';
const database = testDatabase();
let tenantId: string;
let userId: string;

beforeAll(async () => {
  const { rows } = await database.pool.query(`
    insert into howdah.users (username, role) values ('ada', 'admin') returning id, tenant_id`);
  [{ id: userId, tenant_id: tenantId }] = rows;
  await database.pool.query(
    `insert into howdah.tenants (slug, name) values ('acme', 'Acme'), ('beta', 'Beta')`,
  );
});

beforeEach(() => {
  vi.stubEnv('HOWDAH_JWT_SECRET', SECRET);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

const token = (...argv: string[]) => runCli(database.url, 'token', ...argv);
const ada = ['--tenant', 'default', '--user', 'ada'];

describe('howdah token', () => {
  test('prints one line: a token with the claims of the contract, valid for eight hours', async () => {
    const { status, stdout, stderr } = await token(...ada);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^\S+\n$/);
    const jwt = stdout.trim();
    expect(decodeProtectedHeader(jwt)).toEqual({ alg: 'HS256', typ: 'JWT' });
    const { payload } = await jwtVerify(jwt, Buffer.from(SECRET), { maxTokenAge: '1h' });
    const { iat = 0, exp = 0, ...claims } = payload;
    expect(claims).toEqual({
      iss: 'howdah',
      aud: 'howdah',
      sub: userId,
      user_id: userId,
      tenant_id: tenantId,
      role: 'admin',
    });
    expect(exp - iat).toBe(8 * 3600);
  });

  test('accepts a role and a lifetime, and prints all fields with --json', async () => {
    const { stdout } = await token(...ada, '--role', 'viewer', '--expires', '15m', '--json');
    const { token: jwt, expires_at, ...claims } = JSON.parse(stdout);
    const { exp = 0, iat = 0, role } = decodeJwt(jwt);
    expect({ role, lasts: exp - iat }).toEqual({ role: 'viewer', lasts: 900 });
    expect(expires_at).toBe(new Date(exp * 1000).toISOString());
    expect(claims).toEqual({ user_id: userId, tenant_id: tenantId, role: 'viewer', iat, exp });
  });

  test('--create creates the user once and later leaves the user unchanged', async () => {
    const bob = ['--tenant', 'acme', '--user', 'bob', '--create'];
    const first = decodeJwt((await token(...bob, '--role', 'owner')).stdout);
    const second = decodeJwt((await token(...bob)).stdout);
    expect(second.user_id).toBe(first.user_id);
    expect(second.role).toBe('owner');
    const { rows } = await database.pool.query(`
      select u.role, t.slug from howdah.users as u join howdah.tenants as t on t.id = u.tenant_id
      where u.username = 'bob'`);
    expect(rows).toEqual([{ role: 'owner', slug: 'acme' }]);
  });
});

describe('howdah token fails', () => {
  test('without a secret, and the error names the fix', async () => {
    vi.stubEnv('HOWDAH_JWT_SECRET', '');
    const { status, stdout, stderr } = await token(...ada);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('HOWDAH_JWT_SECRET');
    expect(stderr).toContain('openssl rand -base64 48');
  });

  test('with a secret that is too short, without showing it', async () => {
    vi.stubEnv('HOWDAH_JWT_SECRET', 's3cret');
    const { status, stderr } = await token(...ada);
    expect(status).toBe(2);
    expect(stderr).not.toContain('s3cret');
  });

  test('for an unknown tenant, and the error lists the known ones', async () => {
    const { status, stdout, stderr } = await token('--tenant', 'acne', '--user', 'ada');
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toContain("no tenant named 'acne'");
    expect(stderr).toContain('acme, beta, default');
  });

  test('for an inactive user or tenant, and the error says which', async () => {
    await database.pool.query(
      `insert into howdah.tenants (slug, name, is_active) values ('closed', 'Closed', false)`,
    );
    await database.pool.query(
      `insert into howdah.users (tenant_id, username, is_active)
       select id, 'gone', false from howdah.tenants where slug = 'acme'`,
    );
    for (const [argv, words] of [
      [['--tenant', 'acme', '--user', 'gone'], "the user 'gone' is not active"],
      [['--tenant', 'closed', '--user', 'x', '--create'], "the tenant 'closed' is not active"],
    ] as const) {
      const { status, stdout, stderr } = await token(...argv);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toContain(words);
      expect(stderr).toContain('is_active');
    }
  });

  test.each(['', 'a\nb', '\u001b[2J'])('for a new user named %j', async (name) => {
    const { status, stdout, stderr } = await token('--tenant', 'beta', '--user', name, '--create');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('username of users');
  });

  test('for an unknown user, and the error lists users of that tenant only', async () => {
    const { status, stderr } = await token('--tenant', 'default', '--user', 'eve');
    expect(status).toBe(3);
    expect(stderr).toContain("tenant 'default' has no user named 'eve'");
    expect(stderr).toContain('There are: ada. Use --create to create the user.');
    expect(await token('--tenant', 'beta', '--user', 'ada', '--json')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('There are no users yet.'),
    });
  });

  test.each([
    [['--tenant', 'default'], /--user/],
    [[...ada, '--role', 'postgres'], /owner, admin, member, viewer/],
    [[...ada, '--expires', 'tomorrow'], /such as 8h/],
    [[...ada, '--expires', '0h'], /such as 8h/],
    [[...ada, '--expires', '366d'], /at most 365d/],
  ])('%j is a usage error', async (argv, words) => {
    const { status, stdout, stderr } = await token(...argv);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(words);
  });
});
