import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inTenant } from '../../src/db/connection/pool.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { applySystems } from '../../src/systems/apply.ts';
import { writeFile } from '../../src/systems/write-file.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { one } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { changes, newTenant } from './support.ts';

const FOLDER = new URL('../../examples/', import.meta.url);
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
const textOf = (name: string) => readFileSync(new URL(name, FOLDER), 'utf8');

const database = testDatabase();
let worker: Worker;
beforeAll(async () => {
  worker = await startTestWorker(database.url);
  await database.pool.query(textOf('shop.sql'));
  const { id } = await one(database.pool, `select howdah.current_tenant() as id`);
  await inTenant(database.pool, id, (client) =>
    applySystems(
      client,
      files.map((name) => ({ name, text: textOf(name) })),
    ),
  );
});
afterAll(async () => {
  await worker.stop(0);
});

test('the folder contains examples', () => {
  expect(files).toEqual(['analyst.yaml', 'coder.yaml', 'helpdesk.yaml', 'press.yaml']);
});

test.each(files)('%s is unchanged after export and apply', async (file) => {
  const tenant = await newTenant(database.pool);
  const first = await tenant.apply(textOf(file));
  const exported = writeFile((await tenant.export(first.name)) as JsonObject);
  const second = await tenant.apply(exported, { prune: true });
  expect([changes(second), second.digest]).toEqual([[], first.digest]);
});

test('every example can be applied twice, beside all others and in either order', async () => {
  const all = readdirSync(FOLDER)
    .filter((name) => /\.(ya?ml|sql)$/.test(name))
    .sort();
  for (const names of [all, all.toReversed()]) {
    const tenant = await newTenant(database.pool);
    const apply = async (name: string) => {
      const text = textOf(name);
      if (!name.endsWith('.sql')) return changes(await tenant.apply(text));
      await tenant.inside((client) => client.query(text));
      return [];
    };
    for (const name of [...names, ...names]) {
      await apply(name);
      expect(await apply(name), name).toEqual([]);
    }
  }
});

const run = async (workflow: string, input: string) =>
  (await one(database.pool, 'select id from howdah.run_workflow($1, $2)', [workflow, input])).id;
const ended = (id: string) =>
  eventually(
    database.pool,
    'its end',
    `select status, output from howdah.executions where id = $1 and status in ('completed', 'failed', 'cancelled')`,
    [id],
  );

test('the helpdesk routes a message to the agent it concerns', async () => {
  for (const [message, agent] of [
    ['My parcel is late. Where is the delivery?', 'shipping'],
    ['I want a refund for this invoice.', 'refunds'],
  ] as const) {
    const id = await run('triage', message);
    expect(await ended(id)).toMatchObject({
      status: 'completed',
      output: expect.stringMatching(/\S/),
    });
    expect(
      await one(
        database.pool,
        'select a.name from howdah.executions as e join howdah.agents as a on a.id = e.agent_id where e.parent_execution_id = $1',
        [id],
      ),
    ).toEqual({ name: agent });
  }
});

test('the press office asks a person before publishing', async () => {
  const id = await run('press', 'The new pump is here.');
  const question = await eventually<{ id: string; prompt: string }>(
    database.pool,
    'its question',
    `select id, prompt from howdah.questions where root_execution_id = $1 and status = 'open'`,
    [id],
  );
  expect(question.prompt).toMatch(/^Publish this\? \S/);
  await database.pool.query(`select howdah.answer_question($1, 'yes')`, [question.id]);
  expect(await ended(id)).toMatchObject({ status: 'completed', output: 'yes' });
});

test('the analyst queries the schema it may read', async () => {
  const question = 'select status, count(*) as n from shop.orders group by status order by status';
  const { id } = await one(database.pool, `select id from howdah.run('analyst', $1)`, [question]);
  await ended(id);
  const step = await one(
    database.pool,
    `select output -> 'rows' as rows from howdah.steps where execution_id = $1 and kind = 'tool' and name = 'sql_query'`,
    [id],
  );
  const { rows } = await database.pool.query(question.replace('count(*)', 'count(*)::int'));
  expect(step.rows).toEqual(rows);
});

test('the coder fixes a program after its error and answers with the result', async () => {
  const { pool } = database;
  const call = (code: string) => ({
    tool_calls: [
      { name: 'run_code', arguments: { language: 'javascript', code, data: [3, 4, 5] } },
    ],
  });
  const script = [
    call('data.reduce((sum, n) => sum + m, 0)'),
    call('data.reduce((sum, n) => sum + n, 0)'),
    { content: 'It is 12.' },
  ];
  await pool.query(
    `with model as (insert into howdah.models (name, provider, model) values ('coding', 'scripted', 'm') returning id)
     insert into howdah.agent_models (agent_id, model_id, position, request_params)
     select howdah.agent('coder'), m.id, 1, $1 from model as m`,
    [JSON.stringify({ script })],
  );
  const { id } = await one(pool, `select id from howdah.run('coder', 'What do 3, 4 and 5 make?')`);
  expect(await ended(id)).toMatchObject({ status: 'completed', output: 'It is 12.' });
  const { rows } = await pool.query(
    `select content from howdah.messages where execution_id = $1 and role = 'tool' order by seq`,
    [id],
  );
  expect(rows).toEqual([
    { content: expect.stringContaining("'m' is not defined (line 1, column 31)") },
    { content: '{"result":12,"stdout":""}' },
  ]);
});
