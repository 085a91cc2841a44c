import { beforeAll, describe, expect, test } from 'vitest';
import { knownMigrations } from '../../../src/db/schema/known-migrations.ts';
import { makeRun } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { runCli, startAtTerminal } from '../run-cli.ts';

const database = testDatabase();

beforeAll(async () => {
  const { rows } = await database.pool.query(
    `insert into howdah.users (username) values ('ada') returning id`,
  );
  await makeRun(database.pool, { user_id: rows[0].id });
  await addFilter();
});

const addFilter = () =>
  database.pool.query(
    `insert into howdah.output_filters (name, pattern) values ('iban', '[A-Z]{2}[0-9]{20}')`,
  );

/** Runs a command at a terminal, types a line, and returns the result. */
async function runAndType(line: string, ...argv: string[]) {
  const cli = startAtTerminal(database.url, ...argv);
  cli.type(line);
  return cli.end();
}
const users = async () =>
  (await database.pool.query('select username from howdah.users')).rows.length;

const NOBODY = '01980000-0000-7000-8000-000000000000';
const LINES: [string[], RegExp][] = [
  [['migrate', 'down'], /This drops what \d{4}_\w+ created, with its data\./],
  [['migrate', 'down', '--all'], /This drops everything that belongs to Howdah in this database/],
  [['erase-user', 'ada', '--mode', 'delete', '--cancel-live'], /This deletes the runs of ada\./],
  [['retention'], /This deletes all data that is past its retention period\./],
  [['secret', 'remove', 'openai'], /This deletes the secret openai\./],
  [['filters', 'remove', 'iban'], /This deletes the output filter iban\./],
  [['models', 'delete', 'default'], /This deletes the model default\./],
  [
    ['integrations', 'disconnect', NOBODY],
    /This disconnects the account .*, and revokes its tokens\./,
  ],
  [['key', 'revoke', 'hwd_9f2kQ7xYb1Zc'], /This revokes the key hwd_9f2kQ7xYb1Zc… permanently\./],
];

describe('destructive commands', () => {
  test.each(LINES)(
    '%j asks for confirmation at a terminal, and does nothing without it',
    async (argv, what) => {
      for (const line of ['n', '']) {
        const { status, stdout, stderr } = await runAndType(line, ...argv);
        expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
        expect(stderr).toMatch(what);
        expect(stderr).toMatch(/cannot be undone\. Continue\? \[y\/N\] .*Nothing was done\.\n$/s);
      }
    },
  );

  test('run after confirmation, and without a prompt with --yes', async () => {
    expect((await runAndType('y', 'filters', 'remove', 'iban')).stdout).toContain('iban deleted');
    await addFilter();
    for (const more of [['--yes'], ['--yes', '--json']]) {
      const { status, stderr } = await runAndType('n', 'filters', 'remove', 'iban', ...more);
      expect({ status, asks: stderr.includes('[y/N]') }).toEqual({ status: 0, asks: false });
      await addFilter();
    }
  });

  test.each(LINES)('%j needs --yes without a terminal and for programs', async (argv, what) => {
    for (const more of [[], ['--json']]) {
      const { status, stdout, stderr } = await runCli(database.url, ...argv, ...more);
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(stderr).toMatch(what);
      expect(stderr).toContain('This cannot be undone.');
      expect(stderr).toContain('Add --yes to confirm it.');
    }
    expect((await database.pool.query('select from howdah.tenants')).rowCount).toBe(1);
  });
});

describe('--dry-run', () => {
  test('of erase-user counts executions and erases nothing', async () => {
    const argv = ['erase-user', 'ada', '--mode', 'delete', '--cancel-live', '--dry-run'];
    const { status, stdout, stderr } = await runCli(database.url, ...argv);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^1 executions$/m);
    expect(stderr).toBe('Dry run: nothing was done.\n');
    expect(JSON.parse((await runCli(database.url, ...argv, '--json')).stdout)).toMatchObject({
      dry_run: true,
      executions: 1,
    });
    expect(await users()).toBe(1);
  });

  test('of migrate lists the migrations to remove and keeps them', async () => {
    const one = await runCli(database.url, 'migrate', 'down', '--dry-run');
    expect(one).toMatchObject({ status: 0, stdout: expect.stringMatching(/^down \d{4}_\w+\n$/) });
    const all = await runCli(database.url, 'migrate', 'down', '--all', '--dry-run', '--json');
    expect(JSON.parse(all.stdout).down).toEqual(knownMigrations().toReversed());
    expect((await runCli(database.url, 'migrate', '--dry-run')).stdout).toBe('');
    expect(await users()).toBe(1);
  });

  test('of retention lists the rows to remove', async () => {
    const { status, stdout } = await runCli(database.url, 'retention', '--dry-run', '--json');
    expect({ status, ...JSON.parse(stdout) }).toEqual({
      status: 0,
      dry_run: true,
      removed: 0,
      months: [],
      failures: [],
    });
  });

  test('of retention names the tenant whose retention fails', async () => {
    const { rows } = await database.pool.query(
      `insert into howdah.retention_policies (keep_runs_days) values (1) returning tenant_id`,
    );
    const tenant = rows[0].tenant_id;
    await database.pool.query(
      `create function public.fail() returns trigger language plpgsql as
         'begin raise exception ''this tenant is broken''; end';
       create trigger fail before delete on howdah.sessions
         for each row execute function public.fail();
       insert into howdah.sessions (title) values ('old');
       set session_replication_role = replica;
       update howdah.sessions set last_activity_at = now() - interval '9 days';
       set session_replication_role = origin`,
    );
    const argv = ['retention', '--dry-run'];
    const { status, stderr } = await runCli(database.url, ...argv);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `The retention of tenant ${tenant} failed: this tenant is broken\nNothing was done.\n`,
    });
    const { failures } = JSON.parse((await runCli(database.url, ...argv, '--json')).stdout);
    expect(failures).toEqual([{ tenant, error: 'this tenant is broken' }]);
  });
});
