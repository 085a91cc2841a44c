import { expect, test } from 'vitest';
import { createTestDatabase, testDatabase } from '../../../support/database.ts';
import { runCli } from '../../run-cli.ts';

const database = testDatabase();

test('the demo writes replies beside its tickets, names its model, and is repeatable', async () => {
  for (const round of [1, 2]) {
    const { status, stdout } = await runCli(database.url, 'demo');
    expect(status).toBe(0);
    expect(stdout).toContain('local: extractive, without an LLM');
    expect(stdout).toContain('insert into howdah.executions (agent_id, input, metadata)');
    expect(stdout).toContain('npx howdah start'); // there is no `npm start` in a project of a user
    const year = new Date().getFullYear() - 1;
    expect(stdout).toContain(`where t.issued_on >= date '${year}-01-01'`);
    expect(stdout).toContain(`Umsatz Q1 ${year}: 416.5\nOhne Sprachmodell beantwortet.`);
    const { rows } = await database.pool.query(
      `select count(*)::int as tickets, count(reply)::int as replies from shop.tickets`,
    );
    expect(rows[0]).toEqual({ tickets: 7 * round, replies: 7 * round });
  }
  const { rows } = await database.pool.query(
    `select reply from shop.tickets where body like '%A-1001 and A-1004%' limit 1`,
  );
  expect(rows[0].reply).toMatch(/A-1001[\s\S]*shipped[\s\S]*A-1004|shipped[\s\S]*cancelled/);
  expect((await database.pool.query('select * from howdah.check_all()')).rows).toEqual([]);
});

test('the demo never touches a foreign schema named shop', async () => {
  const other = await createTestDatabase();
  try {
    await other.pool.query('create schema shop; create table shop.orders (mine int)');
    const { status, stderr } = await runCli(other.url, 'demo');
    expect(status).toBe(1);
    expect(stderr).toContain('a schema named shop that is not part of the demo');
  } finally {
    await other.drop();
  }
});
