import { afterAll, beforeAll, expect, test } from 'vitest';
import { openHowdah } from '../src/bootstrap.ts';
import { loadConfig } from '../src/config.ts';
import { waitForEnd } from './runtime/arrange.ts';
import { createEmptyDatabase, type TestDatabase } from './support/database.ts';

// The first start of `howdah start` on a database without the schema.

let database: TestDatabase;

beforeAll(async () => {
  database = await createEmptyDatabase();
});
afterAll(() => database.drop());

const open = () =>
  openHowdah(
    loadConfig({ DATABASE_URL: database.url, HOWDAH_LOG_LEVEL: 'silent', HOWDAH_AUTH: 'none' }),
    { api: false, worker: true },
    () => {},
  );

test('has an analyst, which a later start does not create again', async () => {
  const { pool } = database;
  await pool.query(
    `create table public.invoices (id int, issued_on date, amount numeric);
     insert into public.invoices values (1, '2025-02-01', 7)`,
  );
  const first = await open();
  try {
    await pool.query('grant select on public.invoices to howdah_analyst');
    const { rows } = await pool.query(`select (howdah.run('manager', 'Umsatz Q1')).id`);
    expect(await waitForEnd(pool, rows[0].id)).toMatchObject({
      status: 'completed',
      output: expect.stringContaining('Umsatz Q1 2025: 7'),
    });
  } finally {
    await first.close();
  }
  await pool.query(`select howdah.delete_agent(howdah.agent('analyst'))`);
  await (await open()).close();
  const { rows } = await pool.query(
    `select name from howdah.agents where deleted_at is null order by 1`,
  );
  expect(rows).toEqual([{ name: 'development' }]);
});
