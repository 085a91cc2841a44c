import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { ApiServer } from '../../src/api/server.ts';
import { connect } from '../../src/client/connect.ts';
import { ExactNumber } from '../../src/json/exact-number.ts';
import type { Json, JsonObject } from '../../src/json/json.ts';
import { parseJson } from '../../src/json/parse-json.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { numberList, SNOWFLAKE } from '../json/exact-numbers.ts';
import { callTools, makeAgent, resultsOf, stepsOf, waitForEnd } from '../runtime/arrange.ts';
import { one } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { startTestApi } from './harness.ts';

// Numbers of 1 to 40 digits go into Postgres and come out by every door. Postgres decides whether
// two numbers are equal.

const ID = new ExactNumber(SNOWFLAKE);

/** The numbers of the test, as the text of a JSON array. */
const LIST = numberList(300, 41);

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let agent: string;
let name: string;

beforeAll(async () => {
  agent = await makeAgent(db.pool, { script: [{ content: 'ok' }] });
  name = (await one(db.pool, 'select name from howdah.agents where id = $1', [agent])).name;
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(1_000);
  await api?.close();
});

/** Sends a text as JSON, and returns the text of the answer. */
async function send(path: string, body?: string): Promise<string> {
  const response = await fetch(`${api.url}${path}`, {
    ...(body !== undefined && { method: 'POST', body }),
    headers: { 'content-type': 'application/json' },
  });
  return response.text();
}

/** Asserts that a run has the numbers, as Postgres compares them. */
async function expectStored(id: string, column = 'input_data'): Promise<void> {
  const { same } = await one(
    db.pool,
    `select ${column} -> 'n' = $2::jsonb as same from howdah.executions where id = $1`,
    [id, LIST],
  );
  expect(same).toBe(true);
}

/** Asserts that a text contains the numbers at a path of SQL/JSON. */
async function expectShown(json: string, path: string): Promise<void> {
  const { same } = await one(
    db.pool,
    'select jsonb_path_query_first($1::jsonb, $2::jsonpath) = $3::jsonb as same',
    [json, path, LIST],
  );
  expect(same).toBe(true);
}

const insertRun = async (): Promise<string> =>
  (
    await one(
      db.pool,
      `insert into howdah.executions (agent_id, input, input_data)
       values ($1, 'x', jsonb_build_object('n', $2::jsonb)) returning id`,
      [agent, LIST],
    )
  ).id;

const CREATE = `mutation ($data: JSON, $agent: UUID!) {
  createExecution(input: {execution: {agentId: $agent, input: "x", inputData: $data}}) {
    execution { id inputData } } }`;
const READ = 'query ($id: UUID!) { execution(id: $id) { inputData } }';

describe('a run', () => {
  test('by REST', async () => {
    const answer = await send(
      '/api/execute',
      `{"agent": "${name}", "message": "x", "input_data": {"n": ${LIST}}}`,
    );
    const { execution_id: id } = JSON.parse(answer);
    await expectStored(id);
    await expectShown(await send(`/api/executions/${id}`), '$.input_data.n');
  });

  test('by GraphQL, as a variable', async () => {
    const variables = `{"agent": "${agent}", "data": {"n": ${LIST}}}`;
    const answer = await send(
      '/graphql',
      `{"query": ${JSON.stringify(CREATE)}, "variables": ${variables}}`,
    );
    const { id } = JSON.parse(answer).data.createExecution.execution;
    await expectShown(answer, '$.data.createExecution.execution.inputData.n');
    await expectStored(id);
    const read = `{"query": ${JSON.stringify(READ)}, "variables": {"id": "${id}"}}`;
    await expectShown(await send('/graphql', read), '$.data.execution.inputData.n');
  });

  test.each([
    ['5', '5'],
    [SNOWFLAKE, SNOWFLAKE],
    ['{n: [5]}', '{"n": [5]}'],
    [`{n: [${SNOWFLAKE}]}`, undefined],
    ['[0.12345678901234567890]', undefined],
  ])('by GraphQL, with the literal %s', async (literal, stored) => {
    const query = CREATE.replace('$data: JSON, ', '').replace('$data', literal);
    const sent = JSON.stringify({ query, variables: { agent } });
    const { data, errors } = JSON.parse(await send('/graphql', sent));
    if (stored === undefined) return expect(errors[0].extensions.code).toBe('HWINV');
    const text = `select input_data = $2::jsonb as same from howdah.executions where id = $1`;
    const { same } = await one(db.pool, text, [data.createExecution.execution.id, stored]);
    expect(same).toBe(true);
  });

  test('by GraphQL over WebSocket', async () => {
    const socket = new WebSocket(
      `${api.url.replace('http', 'ws')}/graphql`,
      'graphql-transport-ws',
    );
    const received: string[] = [];
    const answered = new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('message', (data) => {
        const { type } = JSON.parse(String(data));
        if (type === 'connection_ack') {
          const payload = `{"query": ${JSON.stringify(CREATE)}, "variables": {"agent": "${agent}", "data": {"n": ${LIST}}}}`;
          socket.send(`{"id": "1", "type": "subscribe", "payload": ${payload}}`);
        } else received.push(String(data));
        if (type === 'complete' || type === 'error') resolve();
      });
      socket.on('open', () => socket.send('{"type": "connection_init"}'));
    });
    await answered;
    socket.terminate();
    const [next = ''] = received;
    await expectShown(next, '$.payload.data.createExecution.execution.inputData.n');
    await expectStored(JSON.parse(next).payload.data.createExecution.execution.id);
  });

  test('by the client, with a bigint', async () => {
    const client = connect(api.url);
    const n = parseJson(LIST);
    const { execution_id: id } = await client.createRun({
      agent: name,
      message: 'x',
      input_data: { n, id: 1915883588174806058n },
    });
    await expectStored(id);
    const read = await client.call('getExecution', { params: { id } });
    await expectShown(JSON.stringify(read), '$.input_data.n');
    expect(String((read as unknown as { input_data: JsonObject }).input_data.id)).toBe(SNOWFLAKE);
  });

  test('as a copy', async () => {
    const fork = await send(`/api/executions/${await insertRun()}/fork`, '{"seq": 0}');
    await expectStored(JSON.parse(fork).id);
  });
});

test.each(['1e100000', `[${Array(1_001).fill('1e-1000')}]`, `[${Array(4_000).fill('1e300')}]`])(
  'exponents that Postgres would write out are refused',
  async (data) => {
    for (const body of [
      `{"agent": "${name}", "message": "x", "input_data": ${data}}`,
      `{"agent": "${name}", "message": "x", "metadata": {"a": ${data}}}`,
    ]) {
      const refused = JSON.parse(await send('/api/execute', body));
      expect(refused).toMatchObject({ status: 400, code: 'HWINV' });
      expect(refused.detail).toContain('exponent');
    }
  },
);

test('structured output is what the model wrote', async () => {
  const asked = await makeAgent(db.pool, {
    script: [{ content: `{"n": ${LIST}}` }],
    output_schema: { type: 'object', properties: { n: { type: 'array' } } },
  });
  const { id } = await one(
    db.pool,
    `insert into howdah.executions (agent_id, input) values ($1, 'x') returning id`,
    [asked],
  );
  expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'completed' });
  await expectStored(id, 'output_data');
});

describe('a tool', () => {
  beforeAll(async () => {
    await db.pool.query(`
      create schema shop;
      create table shop.paid (id bigint, amount numeric);
      grant usage on schema shop to howdah_app;
      grant all on shop.paid to howdah_app;
      create function shop.pay(order_id bigint, amount numeric default 1) returns jsonb language sql as
        $$ insert into shop.paid values (order_id, amount) returning to_jsonb(paid) $$;
      select howdah.register_sql_tool('shop.pay(bigint, numeric)')`);
  });

  const paid = async (args: JsonObject) => {
    const desk = await makeAgent(db.pool, {
      script: [callTools({ name: 'pay', arguments: args }), { content: 'done' }],
      tools: ['pay'],
    });
    await db.pool.query('truncate shop.paid');
    const { id } = await one(
      db.pool,
      `insert into howdah.executions (agent_id, input) values ($1, 'x') returning id`,
      [desk],
    );
    expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'completed' });
    const { rows } = await db.pool.query('select id::text, amount::text from shop.paid');
    return { rows, id };
  };

  test.each<[string, Json, string]>([
    ['a number', ID, SNOWFLAKE],
    ['digits in a text', SNOWFLAKE, SNOWFLAKE],
    ['a small number', 5, '5'],
    ['the largest', new ExactNumber('9223372036854775807'), '9223372036854775807'],
  ])('gets %s', async (_, order_id, stored) => {
    const amount = new ExactNumber('0.12345678901234567890');
    const { rows, id } = await paid({ order_id, amount });
    expect(rows).toEqual([{ id: stored, amount: '0.12345678901234567890' }]);
    const [result = ''] = await resultsOf(db.pool, id);
    expect(result).toContain(stored);
  });

  test.each<[string, Json]>([
    ['a fraction', new ExactNumber(`${SNOWFLAKE}.5`)],
    ['another text', 'abc'],
    ['more than int8', new ExactNumber('9223372036854775808')],
  ])('does not get %s', async (_, order_id) => {
    const { rows, id } = await paid({ order_id });
    expect(rows).toEqual([]);
    const steps = await stepsOf(db.pool, id);
    expect(steps.some(({ kind, error }) => kind === 'tool' && error !== null)).toBe(true);
  });
});

describe('the key of a watched row', () => {
  test.each([
    ['bigint', '9007199254740993', '9007199254740992'],
    ['numeric', '12345678901234567890.123456789', '12345678901234567890.123456788'],
    ['uuid', '6d1b9c9e-94ae-4b6e-9f70-6b3f3d3c9f11', '6d1b9c9e-94ae-4b6e-9f70-6b3f3d3c9f12'],
    ['text', '9007199254740993', '9007199254740992'],
    ['timestamptz', '2026-01-01 00:00:00.000001+00', '2026-01-01 00:00:00.000002+00'],
    ['date', '0044-03-15 BC', '0044-03-15'],
    ['bytea', '\\x00ff', '\\x00fe'],
    ['float8', '0.30000000000000004', '0.3'],
    ['jsonb', '{"id": 9007199254740993}', '{"id": 9007199254740992}'],
    ['bigint[]', '{9007199254740993}', '{9007199254740992}'],
    ['shop_id', '9007199254740993', '9007199254740992'],
    ['shop_state', 'new', 'old'],
    ['shop_pair', '(9007199254740993,a)', '(9007199254740992,a)'],
    ['numeric(30,5)', '9007199254740993.10000', '9007199254740993.2'],
    ['int8range', '[9007199254740992,9007199254740994)', '[9007199254740992,9007199254740993)'],
    ['extensions.citext', 'Nine', 'Ten'],
    ['shop_code', 'Nine', 'Ten'],
    ['extensions.ltree', 'a.b', 'a.c'],
  ])('of type %s', async (type, key, other) => {
    await db.pool.query(`
      do $$ begin
        create domain shop_id as bigint; create type shop_state as enum ('new', 'old');
        create type shop_pair as (id bigint, name text);
        create schema extensions; create extension citext schema extensions;
        create extension ltree schema extensions; create domain shop_code as extensions.citext;
      exception when duplicate_object then null; end $$`);
    const table = `public.watched_${type.replace(/\W/g, '_')}`;
    await db.pool.query(`create table ${table} (id ${type} primary key, body text, reply text)`);
    const desk = await makeAgent(db.pool, { script: [{ content: 'mine' }] });
    await db.pool.query(
      `select howdah.watch_table($1, a.name, 'body', into_column => 'reply')
       from howdah.agents as a where a.id = $2`,
      [table, desk],
    );
    await db.pool.query(
      `insert into ${table} (id, body) values ($1::text::${type}, 'one'), ($2::text::${type}, 'two')`,
      [key, other],
    );
    await eventually(
      db.pool,
      'each row has its answer',
      `select from ${table} having count(*) filter (where reply = 'mine') = 2`,
    );
  });

  test('of several columns', async () => {
    await db.pool.query(`
      create table public.watched_pairs (id bigint, code extensions.citext, part numeric,
        body text, reply text, primary key (part, code, id))`);
    const desk = await makeAgent(db.pool, { script: [{ content: 'mine' }] });
    await db.pool.query(
      `select howdah.watch_table('public.watched_pairs', a.name, 'body', into_column => 'reply',
         condition => 'body = ''one''') from howdah.agents as a where a.id = $1`,
      [desk],
    );
    await db.pool.query(`
      insert into public.watched_pairs (id, code, part, body) values
        (9007199254740993, 'Nine', 1.50, 'one'), (9007199254740992, 'Nine', 1.50, 'other'),
        (9007199254740993, 'Ten', 1.50, 'other'), (9007199254740993, 'Nine', 1.51, 'other')`);
    const rows = await eventually<{ body: string }>(
      db.pool,
      'one row has its answer',
      'select body from public.watched_pairs where reply is not null',
    );
    expect(rows).toEqual({ body: 'one' });
  });
});

test('a list of runs shows a run that was stored with an endless time before', async () => {
  const id = await insertRun();
  await db.pool.query('alter table howdah.executions disable trigger _990_refuse_invalid');
  await db.pool.query(`update howdah.executions set run_at = 'infinity' where id = $1`, [id]);
  await db.pool.query('alter table howdah.executions enable trigger _990_refuse_invalid');
  const query = `{ execution(id: "${id}") { id runAt } }`;
  const { data, errors } = JSON.parse(await send('/graphql', JSON.stringify({ query })));
  expect(errors).toBeUndefined();
  expect(data.execution).toEqual({ id, runAt: 'infinity' });
  await db.pool.query('update howdah.executions set run_at = now() where id = $1', [id]);
});
