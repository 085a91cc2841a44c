import { expect, test } from 'vitest';
import { createClient, createPool } from '../../../src/db/connection/pool.ts';
import { testDatabase } from '../../support/database.ts';

const database = testDatabase();

test('a pool with numbers returns exactly representable values as numbers, others as text', async () => {
  const pool = createPool({ url: database.url, applicationName: 'howdah-cli', numbers: true });
  const cases: [string, number | string][] = [
    ['0::numeric', 0],
    ['100::int8', 100],
    ['0.000450000', 0.00045],
    ['-12.50', -12.5],
    ['0.0000001', 1e-7],
    ['12345678901234.5', 12345678901234.5],
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', '9007199254740993'],
    ['0.1234567890123456', '0.1234567890123456'],
    ["'NaN'::numeric", 'NaN'],
    ["'12'::text", '12'],
  ];
  try {
    const { rows } = await pool.query({
      text: `select ${cases.map(([value]) => value).join(', ')}`,
      rowMode: 'array',
    });
    expect(rows).toEqual([cases.map(([, expected]) => expected)]);
  } finally {
    await pool.end();
  }
});

test('a connection lost between two queries fails the next query, not the process', async () => {
  const client = createClient({ url: database.url, applicationName: 'howdah-cli' });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const ended = new Promise((resolve) => client.once('end', resolve));
  await database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
  await ended;
  await expect(client.query('select 1')).rejects.toThrow('not queryable');
});

test('a pool keeps a connection whose statement Postgres rejected', async () => {
  const pool = createPool({ url: database.url, applicationName: 'howdah-cli', max: 1 });
  const pid = async () => (await pool.query('select pg_backend_pid() as pid')).rows[0].pid;
  try {
    const first = await pid();
    await expect(pool.query('select 1 / 0')).rejects.toThrow('division by zero');
    expect(await pid()).toBe(first);
    await expect(pool.query('select pg_terminate_backend(pg_backend_pid())')).rejects.toThrow();
    expect(await pid()).not.toBe(first);
  } finally {
    await pool.end();
  }
});
