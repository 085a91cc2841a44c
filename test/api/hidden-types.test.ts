import { pino } from 'pino';
import { expect, test } from 'vitest';
import { testDatabase } from '../support/database.ts';
import { ask, startTestApi } from './harness.ts';

const db = testDatabase();

/** Starts an API, and gives its warnings and the fields of tools in GraphQL. */
async function start(): Promise<{ warnings: string[]; fields: string[] }> {
  const warnings: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => warnings.push(JSON.parse(line).msg) });
  const api = await startTestApi(db.url, { log });
  try {
    const { data } = await ask(api, '{ __type(name: "Tool") { fields { name } } }');
    return { warnings, fields: data.__type.fields.map(({ name }: { name: string }) => name) };
  } finally {
    await api.close();
  }
}

test('an API that starts names columns and functions without a field, and what brings them back', async () => {
  expect((await start()).warnings).toEqual([]);
  await db.pool.query(
    `create schema shop;
     create type shop.colour as enum ('red', 'green');
     grant usage on schema shop to howdah_app;
     alter table howdah.tools add column colour shop.colour, add column colours shop.colour[];
     grant select (colour, colours) on howdah.tools to howdah_app;
     create function howdah.mix(colours shop.colour) returns text language sql stable return 'brown';
     grant execute on function howdah.mix to howdah_app`,
  );
  const { warnings, fields } = await start();
  const warning = (object: string) =>
    `GraphQL leaves out ${object}: its type shop.colour is neither in the schema howdah nor of an extension. ` +
    'Move the type and restart the API: alter type shop.colour set schema howdah;';
  expect(warnings).toEqual([
    warning('the column howdah.tools.colour'),
    warning('the column howdah.tools.colours'),
    warning('the function howdah.mix(shop.colour)'),
  ]);
  expect(fields).not.toContain('colour');

  await db.pool.query('alter type shop.colour set schema howdah');
  const moved = await start();
  expect(moved.warnings).toEqual([]);
  expect(moved.fields).toEqual(expect.arrayContaining(['colour', 'colours']));
});
