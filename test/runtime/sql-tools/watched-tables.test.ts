import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent } from '../arrange.ts';

const database = testDatabase();
let worker: Worker;

beforeAll(async () => {
  await database.pool.query(`
    create schema shop;
    create table shop.tickets (id int primary key generated always as identity, body text, reply text);
    create table shop.parts (id int primary key generated always as identity, body text);
    create table shop.pieces (like shop.parts including all);
    create table shop.crumbs (like shop.parts including all);
    create table shop.orders (like shop.parts including all);
    grant usage on schema shop to howdah_app;
    grant insert on shop.parts, shop.pieces, shop.crumbs, shop.orders to howdah_app;
    create function shop.split(word text) returns void language sql as 'insert into shop.parts (body) values (word)';
    create function shop.split_unnoticed(word text) returns void language plpgsql as $$
      begin
        perform set_config(name, '', true) from unnest(
          array['howdah.calling', 'howdah.writing_back', 'howdah.tenant_id', 'howdah.user_id']) as name;
        insert into shop.pieces (body) values (word);
      end $$;
    create function shop.split_unbound(word text) returns void language plpgsql as $$
      begin
        perform set_config('howdah.bound', '', true);
        insert into shop.crumbs (body) values (word);
      end $$;
    create function shop.order_more(event jsonb) returns void language sql as
      $$insert into shop.orders (body) values ('more')$$;
    select howdah.register_sql_tool(f) from unnest(
      array['shop.split(text)', 'shop.split_unnoticed(text)', 'shop.split_unbound(text)']) as f`);
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(1_000);
});

test('writes the answer for an inserted row into its answer column', async () => {
  const desk = await makeAgent(database.pool, { script: [{ content: 'On its way.' }] });
  await database.pool.query(
    `select howdah.watch_table('shop.tickets', a.name, input => 'body', into_column => 'reply')
     from howdah.agents as a where a.id = $1`,
    [desk],
  );
  await database.pool.query(
    `insert into shop.tickets (body) select 'Where is ' || i from generate_series(1, 20) as i`,
  );
  await eventually(
    database.pool,
    'all answers written',
    `select 1 from shop.tickets having count(*) filter (where reply = 'On its way.') = 20`,
  );
  const { rows } = await database.pool.query(
    `select write_back::text, count(*)::int from howdah.watched_rows where write_back is not null group by 1`,
  );
  expect(rows).toEqual([{ write_back: 'written', count: 20 }]);
});

/** Watches a table with an agent, and waits until the runs caused by its first row have ended. */
async function watchUntilRefused(
  table: string,
  agent: string,
  kind: 'tool' | 'guard',
  runs: number,
) {
  const watch = `select howdah.watch_table($1, a.name, input => 'body') from howdah.agents as a where a.id = $2`;
  await database.pool.query(watch, [table, agent]);
  await database.pool.query(`insert into ${table} (body) values ('large')`);
  return eventually(
    database.pool,
    'the last one refused',
    `select max(cardinality(w.watches)) as deep, count(*)::int as runs,
       (select string_agg(s.error::text, ' ') from howdah.steps as s
        where s.execution_id = (array_agg(e.id order by e.id desc))[1] and s.kind::text in ($3, 'error')) as said
     from howdah.watched_rows as w join howdah.executions as e on e.id = w.execution_id
     join howdah.table_triggers as t on t.id = w.table_trigger_id where t.table_name = $1
     having bool_and(e.completed_at is not null) and count(*) >= $2`,
    [table, runs, kind],
  );
}

test.each([
  ['split', 'shop.parts'],
  ['split_unnoticed', 'shop.pieces'],
])(
  'stops an agent at the ninth run when its tool %s fills the table it watches',
  async (tool, table) => {
    const splitter = await makeAgent(database.pool, {
      script: [callTools({ name: tool, arguments: { word: 'smaller' } }), { content: 'split' }],
      tools: [tool],
    });
    expect(await watchUntilRefused(table, splitter, 'tool', 8)).toEqual({
      deep: 8,
      runs: 8,
      said: expect.stringContaining('maximum chain of watches (8) reached'),
    });
    expect((await database.pool.query(`select 1 from ${table}`)).rowCount).toBe(8);
  },
);

test('a tool that clears its binding cannot fill a watched table', async () => {
  const splitter = await makeAgent(database.pool, {
    script: [
      callTools({ name: 'split_unbound', arguments: { word: 'smaller' } }),
      { content: 'split' },
    ],
    tools: ['split_unbound'],
  });
  expect(await watchUntilRefused('shop.crumbs', splitter, 'tool', 1)).toEqual({
    deep: 1,
    runs: 1,
    said: expect.stringContaining('howdah.bound was changed'),
  });
});

test('stops an agent at the ninth run when its hook fills the table it watches', async () => {
  const buyer = await makeAgent(database.pool, { script: [{ content: 'bought' }] });
  await database.pool.query(
    `insert into howdah.hooks (event, function, agent_id) values ('before_run', 'shop.order_more', $1)`,
    [buyer],
  );
  expect(await watchUntilRefused('shop.orders', buyer, 'guard', 8)).toEqual({
    deep: 8,
    runs: 8,
    said: expect.stringContaining('maximum chain of watches (8) reached'),
  });
});
