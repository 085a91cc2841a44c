import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findFullPostgres } from '../../../../deploy/rehearsals/support/full-servers.ts';
import { findPrograms } from '../../../../src/db/backup/find-pg-programs.ts';
import { makeTenant } from '../../../sql/support.ts';
import { createTestDatabase, type TestDatabase } from '../../../support/database.ts';
import { type CliResult, runCli } from '../../run-cli.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const bin = join(import.meta.dirname, '../../../../bin/howdah');
const folder = mkdtempSync(join(tmpdir(), 'howdah-psql-'));
const pgBin = findFullPostgres();
if (pgBin === undefined) {
  console.warn('howdah psql is tried with no real psql here: none was found (HOWDAH_PG_BIN)');
}

/**
 * A fake psql that prints its arguments. With `wait` it runs until a signal, else it exits with 7.
 */
const FAKE = `#!${process.execPath}
const args = process.argv.slice(2);
if (args.includes('--version')) { console.log('psql (PostgreSQL) 18.1'); process.exit(0); }
const { PGPASSWORD, PGOPTIONS } = process.env;
const told = (signal) => () => { console.log(signal); process.exit(5); };
process.on('SIGINT', told('SIGINT')).on('SIGTERM', told('SIGTERM'));
console.log(JSON.stringify({ args, PGPASSWORD, PGOPTIONS }));
if (args.includes('wait')) setInterval(() => {}, 60_000); else process.exitCode = 7;
`;

let db: TestDatabase;
let login: string;

beforeAll(async () => {
  writeFileSync(join(folder, 'psql'), FAKE);
  chmodSync(join(folder, 'psql'), 0o755);
  db = await createTestDatabase();
  await makeTenant(db.pool, 'acme');
  login = `howdah_test_${randomBytes(6).toString('hex')}`;
  await db.pool.query(
    `create role ${login} login password 'p w+:\\x'; grant howdah_app to ${login}`,
  );
  await db.pool.query(
    `insert into howdah_private.login_tenants (login, tenant_id, role) select $1, t.id, 'member' from howdah.tenants as t where t.slug = 'acme'`,
    [login],
  );
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await db?.pool.query(`drop owned by ${login}; drop role ${login}`).finally(() => db.drop());
});

function spawnPsql(argv: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [bin, 'psql', '--database-url', db.url, ...argv], {
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
}

function waitForExit(child: ChildProcess): Promise<CliResult> {
  const said = { stdout: '', stderr: '' };
  child.stdout?.on('data', (text) => {
    said.stdout += text;
  });
  child.stderr?.on('data', (text) => {
    said.stderr += text;
  });
  return new Promise((resolve) => {
    child.on('close', (status) => resolve({ status: status ?? -1, ...said }));
  });
}

const psql = (...argv: string[]) => waitForExit(spawnPsql(argv));
/** Returns the arguments of the fake psql. */
async function psqlArguments(argv: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = await waitForExit(
    spawnPsql(['--pg-bin', folder, ...argv], env),
  );
  expect({ status, stderr }).toEqual({ status: 7, stderr: '' });
  return JSON.parse(stdout) as { args: string[]; PGPASSWORD?: string; PGOPTIONS: string };
}

describe.skipIf(process.platform === 'win32')('howdah psql passes to psql', () => {
  test('the arguments in order, with and without --, and returns its exit status', async () => {
    const loose = await psqlArguments(['-Atc', 'select 1', '--tenant', 'acme', '-v', 'a=b']);
    expect(loose.args.slice(1)).toEqual(['-Atc', 'select 1', '-v', 'a=b']);
    const behind = await psqlArguments(['--tenant', 'acme', '--', '-o', 'file', '--json', '-h']);
    expect(behind.args.slice(1)).toEqual(['-o', 'file', '--json', '-h']);
  });

  test('no password on the command line, where others could read it', async () => {
    const url = new URL(db.url);
    Object.assign(url, { username: login, password: encodeURIComponent('p w+:\\x') });
    url.searchParams.set('application_name', 'a b');
    const { args, PGPASSWORD } = await psqlArguments(['--database-url', url.toString()]);
    expect(PGPASSWORD).toBe('p w+:\\x');
    url.password = '';
    expect(args).toEqual([`--dbname=${url.toString().replace('+', '%20')}`]);
  });

  test('tenant, role and search path, in addition to PGOPTIONS of the environment', async () => {
    const of = async (slug: string) =>
      (await db.pool.query('select id from howdah.tenants where slug = $1', [slug])).rows[0].id;
    const usual = await psqlArguments([], { PGOPTIONS: '-c work_mem=8MB' });
    expect(usual.PGOPTIONS).toBe(
      `-c work_mem=8MB -c howdah.tenant_id=${await of('default')} -c role=howdah_app -c search_path=public,\\ howdah`,
    );
    const reading = await psqlArguments(['--read-only', '--tenant', 'acme'], { PGOPTIONS: '' });
    expect(reading.PGOPTIONS).toBe(
      `-c howdah.tenant_id=${await of('acme')} -c role=howdah_analyst -c default_transaction_read_only=on -c search_path=public,\\ howdah`,
    );
    const owner = await psqlArguments(['--owner'], { PGOPTIONS: '' });
    expect(owner.PGOPTIONS).toBe('-c search_path=public,\\ howdah');
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s', async (signal) => {
    const child = spawnPsql(['--pg-bin', folder, 'wait']);
    const end = waitForExit(child);
    child.stdout?.once('data', () => child.kill(signal));
    const { status, stdout } = await end;
    expect({ status, said: stdout.trim().split('\n').at(-1) }).toEqual({ status: 5, said: signal });
  });
});

describe.runIf(pgBin)('howdah psql', () => {
  const WHO = `select current_user, howdah.current_tenant() = (select id from howdah.tenants where slug = 'acme'), count(*) from agents`;

  test('sees only its tenant, with howdah in the search path', async () => {
    const { status, stdout } = await psql('--tenant', 'acme', '-XAtc', WHO);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'howdah_app|t|1\n' });
  });

  test('has the write privileges of the application, but cannot write with --read-only', async () => {
    const insert = `insert into executions (agent_id, input) values (agent('development'), 'x') returning status`;
    expect(await psql('-XAtqc', insert)).toMatchObject({ status: 0, stdout: 'queued\n' });
    const refused = await psql('--read-only', '-XAtqc', insert);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(/read-only|permission denied/);
    expect((await psql('-Xc', 'create table public.mine ()')).stderr).toContain(
      'permission denied',
    );
  });

  test('with --owner keeps the role of the login', async () => {
    const { stdout } = await psql(
      ...['--owner', '-XAtc', 'select current_user = session_user, count(*) from agents'],
    );
    expect(stdout).toBe('t|2\n');
  });

  test('with a tenant login uses that login', async () => {
    const url = new URL(db.url);
    Object.assign(url, { username: login, password: encodeURIComponent('p w+:\\x') });
    const guest = await psql('--database-url', url.toString(), '-XAtc', WHO);
    expect(guest).toMatchObject({ status: 0, stdout: `${login}|t|1\n` });
    const refused = await psql('--database-url', url.toString(), '--owner', '-c', 'select 1');
    expect(refused).toMatchObject({ status: 4, stdout: '' });
  });

  test('reads a script from standard input, and returns its exit status', async () => {
    const child = spawnPsql(['-XAt', '-v', 'ON_ERROR_STOP=1']);
    child.stdin?.end('select 1;\nselect nope;\nselect 2;\n');
    const { status, stdout, stderr } = await waitForExit(child);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '1\n' });
    expect(stderr).toContain('column "nope" does not exist');
  });
});

describe('howdah psql rejects', () => {
  test.each([
    [['--owner', '--tenant', 'acme'], /^error: --owner has access to all tenants/],
    [['--owner', '--read-only'], /^error: --owner has access to all tenants/],
    [['--json'], /howdah sql .* --json/],
  ])('%j', async (argv, why) => {
    const { status, stdout, stderr } = await runCli(db.url, 'psql', ...argv);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(why);
  });

  test('a machine without psql, and suggests howdah sql', async () => {
    const { status, stderr } = await runCli(db.url, 'psql', '--pg-bin', import.meta.dirname);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: psql is needed, and not in /);
    expect(stderr).toMatch(/^ hint: Install .*HOWDAH_PG_BIN.*howdah sql "select …"$/m);
  });

  test('an unknown tenant', async () => {
    const { status, stderr } = await runCli(db.url, 'psql', '--tenant', 'nope');
    expect(status).toBe(3);
    expect(stderr).toContain("there is no tenant named 'nope'");
  });
});

test.skipIf(process.platform === 'win32')(
  'an older psql is used if there is no newer one',
  async () => {
    const places = { pgBin: folder, path: [] };
    const need = { programs: ['psql'], atLeast: 99, of: 'this server' } as const;
    await expect(findPrograms(places, need)).rejects.toThrow('this server is PostgreSQL 99');
    expect(await findPrograms(places, { ...need, orOlder: true })).toMatchObject({ major: 18 });
  },
);
