import { describe, expect, test } from 'vitest';
import { eventually, testDatabase } from '../../../support/database.ts';
import { runCli, startCli } from '../../run-cli.ts';

// Errors of `howdah bench` and `howdah chaos`, which change nothing. test/packaging/package.test.ts
// runs the commands.

const database = testDatabase();

const SCRATCH = `select datname from pg_database where datname like 'howdah\\_bench\\_%'`;

describe('howdah bench', () => {
  test.each([
    [['speed'], /'speed' is invalid for argument 'names'.* steps, latency/],
    [['steps', '--rounds', '0'], /'0' is invalid. Use a whole number from 1 to 1000/],
    [['--fast'], /unknown option '--fast'/],
    [['-o', 'id'], /the output of this command has no id/],
  ])('rejects %j', async (argv, reason) => {
    const { status, stdout, stderr } = await runCli(database.url, 'bench', ...argv);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(reason);
  });

  test('names the privilege that a login lacks', async () => {
    const name = `bench_${Date.now()}`;
    await database.pool.query(`create role ${name} login password 's3cret'`);
    try {
      const url = new URL(database.url);
      url.username = name;
      url.password = 's3cret';
      const { status, stdout, stderr } = await runCli(url.toString(), 'bench', 'guards');
      expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
      expect(stderr).toContain(`error: the login ${name} may not create databases`);
      expect(stderr).toMatch(/^ hint: .*CREATEDB and CREATEROLE.*--database-url/m);
    } finally {
      await database.pool.query(`drop role ${name}`);
    }
  });

  test('drops its databases when interrupted', async () => {
    const cli = startCli(database.url, 'bench', 'latency');
    try {
      await eventually(database.pool, 'there is a scratch database', SCRATCH);
    } finally {
      cli.interrupt();
    }
    const { status, stdout, stderr } = await cli.end();
    expect(status).toBe(130);
    expect(stderr).toContain('error: interrupted; all temporary objects were removed');
    expect(stdout).not.toContain('insert_to_model_ms_p50');
    expect((await database.pool.query(SCRATCH)).rows).toEqual([]);
  });
});

describe('howdah chaos', () => {
  test('rejects --database-url, because it breaks its server', async () => {
    const { status, stdout, stderr } = await runCli(database.url, 'chaos');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^error: --database-url cannot be used: chaos breaks its server$/m);
    expect(stderr).toMatch(/^ hint: Omit --database-url/m);
  });

  test.each([
    [['--only', 'kill,fire'], /unknown fault: fire; use kill, freeze.* or none/],
    [['--minutes', '0'], /Use a number above 0, such as 2 or 0.5/],
    [['--workers', '0'], /Use a whole number from 1 to 32/],
    [['--seed', 'x'], /Use a whole number from 0/],
  ])('rejects %j', async (argv, reason) => {
    const { status, stdout, stderr } = await runCli(database.url, 'chaos', ...argv);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(reason);
  });
});
