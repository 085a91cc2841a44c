import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { all, makeTenant } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi } from '../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';
import { call } from './call.ts';

const SQL = 'select quarter, total from shop.revenue order by quarter';
const ROWS = [
  { quarter: 'Q1', total: 1200.5 },
  { quarter: 'Q2', total: 900 },
];
const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let server: FakeServer;
/** Member that the manager passes the question to. */
let member = 'figures';

beforeAll(async () => {
  await db.pool.query(
    `create schema shop;
     create table shop.revenue (quarter text, total numeric(10, 2));
     insert into shop.revenue values ('Q1', 1200.50), ('Q2', 900);
     grant usage on schema shop to howdah_analyst;
     grant select on shop.revenue to howdah_analyst;
     insert into howdah.agents (name, description, instruction, capabilities)
       values ('figures', 'Answers questions about figures.', 'I am figures.', '{text-to-sql}');
     insert into howdah.agent_tools (agent_id, tool_id, configuration)
       select howdah.agent('figures'), id, '{"schemas": ["shop"]}' from howdah.tools where name = 'sql_query'`,
  );
  server = await startOpenAiServer(({ body }) => {
    const text = JSON.stringify(body.messages);
    if (!text.includes('I am figures.')) {
      if (!JSON.stringify(body.tools ?? []).includes('"members"')) return { content: 'Good day.' };
      const chosen = { member, confidence: 0.9, reason: 'it is about revenue' };
      return { tool_calls: [{ name: 'route', arguments: { members: [chosen] } }] };
    }
    if (text.includes('1200.5')) return { content: 'In Q1 it was 1200.50.' };
    const query = text.includes('amount') ? SQL : 'select amount from shop.revenue';
    return { tool_calls: [{ name: 'sql_query', arguments: { query } }] };
  });
  await db.pool.query(
    `update howdah.models set provider = 'openai', base_url = $1, model = 'm' where name = 'default'`,
    [server.url],
  );
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
  await server?.close();
});

test('"Umsatz Q1" is answered with SQL and its rows, and the decision is recorded', async () => {
  const { status, body } = await call(api, 'POST', '/query', { question: 'Umsatz Q1' });
  expect({ status, body }).toMatchObject({
    status: 200,
    body: {
      status: 'completed',
      answer: 'In Q1 it was 1200.50.',
      sql: SQL, // the corrected query
      rows: ROWS,
      row_count: 2,
      cut_by: null,
      error: null,
      decision: { method: 'llm', reason: 'it is about revenue', chosen: [{ member: 'figures' }] },
    },
  });
  const decisions = await all(
    db.pool,
    'select method, chosen, reason, candidates from howdah.routing_decisions where execution_id = $1',
    [body.execution_id],
  );
  expect(decisions).toEqual([body.decision]);
});

test('a question without need for a query is answered without SQL', async () => {
  member = 'development';
  const { body } = await call(api, 'POST', '/query', { question: 'Guten Morgen' });
  expect(body).toMatchObject({ answer: 'Good day.', sql: null, rows: null, row_count: null });
});

test('a question without wait gets 202, and the same key returns the same run', async () => {
  const ask = () =>
    call(
      api,
      'POST',
      '/query',
      { question: 'x', wait: 0 },
      { headers: { 'idempotency-key': 'q' } },
    );
  const first = await ask();
  expect(first).toMatchObject({ status: 202, body: { execution_id: expect.any(String) } });
  expect(first.headers.get('location')).toBe(`/api/executions/${first.body.execution_id}`);
  expect((await ask()).body.execution_id).toBe(first.body.execution_id);
});

test('a blank question is rejected', async () => {
  const empty = await call(api, 'POST', '/query', { question: ' ' });
  expect(empty).toMatchObject({ status: 400, body: { code: 'HWINV', field: 'question' } });
});

test('a tenant without a manager workflow gets an error', async () => {
  const tenant_id = await makeTenant(db.pool);
  await db.pool.query(
    `update howdah.workflows set deleted_at = now() where name = 'manager' and tenant_id = $1`,
    [tenant_id],
  );
  const guarded = await startTestApi(db.url, tokenOptions);
  const token = await tokenFor(await makePerson(db.pool, 'ada', tenant_id));
  const { status, body } = await call(guarded, 'POST', '/query', { question: 'x' }, { token });
  expect({ status, code: body.code, detail: body.detail }).toEqual({
    status: 404,
    code: 'HWNTF',
    detail: expect.stringContaining('manager'),
  });
  await guarded.close();
});
