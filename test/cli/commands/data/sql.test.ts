import { beforeAll, describe, expect, test } from 'vitest';
import { makeTenant } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { runCli, startCli } from '../../run-cli.ts';

const db = testDatabase();
const cli = (...argv: string[]) => runCli(db.url, ...argv);

beforeAll(async () => {
  await makeTenant(db.pool, 'acme');
  await db.pool.query(`
    insert into howdah.agents (name, instruction) values ('night', 'Go.'), ('day', 'Go.');
    insert into howdah.executions (agent_id, input, created_at)
    values (howdah.agent('night'), 'old, "very" old', now() - interval '3 days'), (howdah.agent('day'), 'new', now())`);
});

describe('howdah sql', () => {
  test('shows rows of its own tenant only', async () => {
    const own = await cli('sql', 'select name from howdah.agents order by name');
    expect(own.stdout.split('\n').map((line) => line.trim())).toEqual([
      'NAME',
      'day',
      'development',
      'night',
      '',
    ]);
    expect(own.stderr).toContain('3 rows');
    const other = await cli(
      'sql',
      'select name from howdah.agents',
      '--tenant',
      'acme',
      '-o',
      'csv',
    );
    expect(other.stdout).toBe('name\ndevelopment\n');
  });

  test('accepts -c before the statement, as psql does', async () => {
    expect((await cli('sql', '-c', 'select 1 as a', '-o', 'csv')).stdout).toBe('a\n1\n');
  });

  test('keeps columns of the same name separate and reads standard input', async () => {
    const piped = startCli(db.url, 'sql', '-', '--json');
    piped.type('select 1 as a, 2 as a');
    expect(JSON.parse((await piped.end()).stdout)).toEqual({ items: [{ a: 1, a_2: 2 }] });
  });

  test('prints dates and numbers unchanged', async () => {
    const text = `select date '2026-11-21' as day, timestamp '2026-11-21 08:00' as at, 12345678901234567890 as much, 1::bigint as n`;
    const { stdout } = await cli('sql', text, '--json');
    expect(JSON.parse(stdout).items).toEqual([
      { day: '2026-11-21', at: '2026-11-21 08:00:00', much: '12345678901234567890', n: 1 },
    ]);
  });

  test('prints at most --limit rows and reports how many there were', async () => {
    const many = 'select n from generate_series(1, 20000) as n';
    const cut = await cli('sql', many, '-o', 'csv', '--limit', '2');
    expect(cut.stdout).toBe('n\n1\n2\n');
    expect(cut.stderr).toContain('the first 2 of 20000 rows: --limit 0 prints all');
    const usual = await cli('sql', many, '-o', 'csv');
    expect(usual.stdout.split('\n')).toHaveLength(10_002);
    const all = await cli('sql', many, '-o', 'csv', '--limit', '0');
    expect(all.stdout.split('\n')).toHaveLength(20_002);
    expect(all.stderr).toBe('');
    expect((await cli('sql', many, '--limit', 'many')).status).toBe(2);
  });

  test('cancels a statement that exceeds --timeout and prints none of its rows', async () => {
    const { status, stdout, stderr } = await cli('sql', 'select pg_sleep(600)', '--timeout', '1s');
    expect([status > 0, stdout]).toEqual([true, '']);
    expect(stderr).toContain('statement timeout');
  });

  test.each([
    [`update howdah.agents set description = 'x'`, /read-only|permission denied/],
    ['commit; delete from howdah.executions', /multiple commands/],
    ['select * from howdah_private.login_tenants', /permission denied|not allowed|may not/],
    ['create table public.mine ()', /read-only|permission denied/],
  ])('rejects %s', async (statement, why) => {
    const { status, stdout, stderr } = await cli('sql', statement);
    expect(stdout).toBe('');
    expect(status).toBeGreaterThan(0);
    expect(stderr).toMatch(why);
    const { rows } = await db.pool.query('select count(*)::int as n from howdah.executions');
    expect(rows[0].n).toBe(2);
  });

  test('names --write when a statement may only read', async () => {
    const { status, stderr } = await cli('sql', 'delete from howdah.executions');
    expect(status).toBe(1);
    expect(stderr).toContain('hint: Add --write to write and commit.');
  });

  test('writes only with --write', async () => {
    const change = `update howdah.agents set description = 'By hand.' where name = 'day' returning name, description`;
    expect((await cli('sql', change, '--write', '--json')).stdout).toBe(
      '{"items":[{"name":"day","description":"By hand."}]}\n',
    );
    const other = await cli('sql', change, '--write', '--tenant', 'acme', '--json');
    expect(other.stdout).toBe('{"items":[]}\n');
  });

  test('reports a missing statement', async () => {
    const { status, stderr } = await cli('sql', '-');
    expect(status).toBe(2);
    expect(stderr).toContain('the statement is missing');
  });
});

describe('howdah executions', () => {
  test.each([
    [['--since', '1d'], ['new']],
    [['--until', '1d'], ['old, "very" old']],
    [
      ['--status', 'queued,failed'],
      ['new', 'old, "very" old'],
    ],
    [['--status', 'completed'], []],
    [['--agent', 'night', '--since', '7d'], ['old, "very" old']],
  ])('%j', async (options, inputs) => {
    const { stdout } = await cli('executions', ...options, '--json');
    expect(JSON.parse(stdout).items.map(({ input }: { input: string }) => input)).toEqual(inputs);
  });

  test.each([[['--since', 'yesterday']], [['--status', 'done']], [['--workflow', 'nope']]])(
    'rejects %j',
    async (options) => {
      const { status, stdout } = await cli('executions', ...options);
      expect([2, 3]).toContain(status);
      expect(stdout).toBe('');
    },
  );
});

describe('the option -o', () => {
  const inputs = `select input, null as nothing from howdah.executions order by id desc`;

  test('prints jsonl as one row per line, yaml as one document, csv with quotes where needed', async () => {
    const printAs = async (format: string) => (await cli('sql', inputs, '-o', format)).stdout;
    expect(await printAs('jsonl')).toMatch(/^\{"input":"new".*\}\n\{"input":"old.*\}\n$/);
    expect(await printAs('csv')).toBe('input,nothing\nnew,\n"old, ""very"" old",\n');
    expect(await printAs('yaml')).toContain('---\nitems:\n  - input: new\n    nothing: null\n');
    expect((await cli('sql', inputs, '--output=table')).stdout).toMatch(/^INPUT/);
  });

  test('id prints ids that scripts can use', async () => {
    const { stdout } = await cli('executions', '-o', 'id');
    expect(stdout).toMatch(/^([0-9a-f-]{36}\n){2}$/);
    const none = await cli('sql', 'select 1 as one', '-oid');
    expect(none.status).toBe(2);
    expect(JSON.parse(none.stderr).error.hint).toBe('Use -o json.');
  });

  test('an unknown format lists the known ones', async () => {
    const { status, stderr } = await cli('executions', '-o', 'xml');
    expect(status).toBe(2);
    expect(stderr).toContain('table, json, jsonl, csv, yaml, id');
  });
});
