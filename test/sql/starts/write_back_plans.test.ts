import { expect, test } from 'vitest';
import { pagesRead } from '../../support/database/pages-read.ts';
import { testDatabase } from '../../support/database.ts';
import { makeAgent, one } from '../support.ts';

const db = testDatabase();

test('the search for later runs of 20 rows does not read the other rows of the table', async () => {
  const agent = await makeAgent(db.pool);
  await db.pool.query(`create table public.orders (id int primary key, body text, reply text)`);
  await db.pool.query(
    `select howdah.watch_table('public.orders', name, input => 'body', into_column => 'reply', on_event => 'insert or update')
     from howdah.agents where id = $1`,
    [agent],
  );
  await db.pool.query(`insert into public.orders select i, 'x' from generate_series(1, 1000) as i`);
  await db.pool.query(`update public.orders set body = 'y' where id = 3`);
  const { ids, first } = await one(
    db.pool,
    `select array_agg(execution_id) as ids, array_agg(execution_id) filter (where id = 3) as first
     from (
       select execution_id, (row_key ->> 'id')::int as id from howdah.watched_rows
       order by created_at, 2 limit 20
     ) as w`,
  );
  // the tables of this database were never analysed, as after a restore
  const text = 'select howdah_private.superseded_among($1) as ids';
  expect((await one(db.pool, text, [ids])).ids).toEqual(first);
  expect(await pagesRead(db.pool, text, [ids])).toBeLessThan(20 * 5);
});
