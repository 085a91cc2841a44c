import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../workers/main.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { calling, makeAgent } from './arrange.ts';

const database = testDatabase();
let worker: Worker;

beforeAll(async () => {
  await database.pool.query(`
    create schema shop;
    create table shop.tickets (id int primary key generated always as identity, body text, reply text);
    create table shop.parts (id int primary key generated always as identity, body text);
    grant usage on schema shop to howdah_app;
    grant insert on shop.parts to howdah_app;
    create function shop.split(word text) returns void language sql as 'insert into shop.parts (body) values (word)';
    select howdah.register_sql_tool('shop.split(text)')`);
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(1_000);
});

test('a row that arrives is answered in its own column', async () => {
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

test('an agent whose tool fills the table it watches is stopped at the ninth', async () => {
  const splitter = await makeAgent(database.pool, {
    script: [calling({ name: 'split', arguments: { word: 'smaller' } }), { content: 'split' }],
    tools: ['split'],
  });
  await database.pool.query(
    `select howdah.watch_table('shop.parts', a.name, input => 'body')
     from howdah.agents as a where a.id = $1`,
    [splitter],
  );
  await database.pool.query(`insert into shop.parts (body) values ('large')`);
  const end = await eventually(
    database.pool,
    'the ninth refused',
    `select max(cardinality(w.watches)) as deep, count(*)::int as runs,
       (select s.error ->> 'message' from howdah.steps as s
        where s.execution_id = (array_agg(e.id order by e.id desc))[1] and s.kind = 'tool') as said
     from howdah.watched_rows as w join howdah.executions as e on e.id = w.execution_id
     join howdah.table_triggers as t on t.id = w.table_trigger_id where t.table_name = 'shop.parts'
     having bool_and(e.completed_at is not null) and count(*) >= 8`,
  );
  expect(end).toEqual({
    deep: 8,
    runs: 8,
    said: expect.stringContaining('maximum chain of watches (8) reached'),
  });
  expect((await database.pool.query('select 1 from shop.parts')).rowCount).toBe(8);
});
