import { pino } from 'pino';
import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';

const db = testDatabase();

/** Starts an API, and returns its warnings and the GraphQL fields of tools. */
async function start(
  graphqlSchemas: string[] = [],
): Promise<{ warnings: string[]; fields: string[] }> {
  const warnings: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => warnings.push(JSON.parse(line).msg) });
  const api = await startTestApi(db.url, { log, graphqlSchemas });
  try {
    const { data } = await ask(api, '{ __type(name: "Tool") { fields { name } } }');
    return { warnings, fields: data.__type.fields.map(({ name }: { name: string }) => name) };
  } finally {
    await api.close();
  }
}

test('the API warns at startup about columns and functions without a field, with the fix', async () => {
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
    `GraphQL omits ${object}: its type shop.colour is neither in the schema howdah nor in an extension. ` +
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

test('the API does not warn about types of schemas that were added to GraphQL', async () => {
  await db.pool.query(
    `create schema garden;
     create type garden.season as enum ('spring', 'autumn');
     grant usage on schema garden to howdah_app;
     alter table howdah.tools add column season garden.season;
     grant select (season) on howdah.tools to howdah_app`,
  );
  expect((await start()).warnings).toHaveLength(1);
  const { warnings, fields } = await start(['garden']);
  expect(warnings).toEqual([]);
  expect(fields).toContain('season');
  await db.pool.query('alter table howdah.tools drop column season');
});

test('the warning names the table of a row type and omits types that cannot be moved', async () => {
  await db.pool.query(
    `create schema depot;
     grant usage on schema depot to howdah_app;
     create table depot.shelves (id int);
     create view depot.labels as select 1 as id;
     create function howdah.first_shelf() returns depot.shelves language sql stable
       as 'select * from depot.shelves';
     create function howdah.labels() returns setof depot.labels language sql stable
       begin atomic select * from depot.labels; end;
     create function howdah.server_name() returns information_schema.sql_identifier
       language sql stable return 'a'::information_schema.sql_identifier;
     grant execute on function howdah.first_shelf, howdah.labels, howdah.server_name to howdah_app`,
  );
  const { warnings } = await start();
  expect(warnings.map((warning) => warning.replace(/.*: /, ''))).toEqual([
    'alter table depot.shelves set schema howdah;',
    'alter view depot.labels set schema howdah;',
  ]);
});

test('the API starts and logs the failure when this check fails', async () => {
  const look = 'function pg_catalog.has_column_privilege(oid, smallint, text)';
  await db.pool.query(`revoke execute on ${look} from public`);
  const { warnings, fields } = await start();
  await db.pool.query(`grant execute on ${look} to public`);
  expect(warnings).toEqual(['the types that GraphQL omits could not be determined']);
  expect(fields).toContain('name');
});
