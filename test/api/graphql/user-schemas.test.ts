import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeRun, makeTenant, refusal, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

const db = testDatabase();
let api: ApiServer;
let run: string;

beforeAll(async () => {
  await db.pool.query(`
    create schema shop;
    create table shop.tickets (
      id int primary key,
      tenant_id uuid not null default howdah.current_tenant(),
      subject text not null,
      note text,
      execution_id uuid unique
    );
    comment on table shop.tickets is
      E'@foreignKey (execution_id) references howdah.executions (id)|@fieldName run|@foreignFieldName ticket';
    alter table shop.tickets enable row level security;
    create policy tenant on shop.tickets using (tenant_id = (select howdah.current_tenant()));
    create table shop.agents (id int primary key, name text);
    create table shop.payroll (id int primary key);
    create function shop.empty_the_till() returns int language sql volatile return 1;
    grant usage on schema shop to howdah_app;
    grant select (id, tenant_id, subject, execution_id), insert, update, delete on shop.tickets to howdah_app;
    grant select on shop.agents to howdah_app;
    create schema closed;
    create schema clash;
    grant usage on schema clash to howdah_app;
    create table clash.things (id int primary key);
    comment on table clash.things is '@name agents';
    grant select on clash.things to howdah_app;
  `);
  run = await makeRun(db.pool);
  await db.pool.query(
    `insert into shop.tickets (id, subject, execution_id) values (1, 'Broken', $1)`,
    [run],
  );
  api = await startTestApi(db.url, { graphqlSchemas: ['shop'] });
});
afterAll(async () => {
  await api?.close();
});

test('a row and its run are one query, from both sides', async () => {
  const { data, errors } = await ask(
    api,
    `query ($id: UUID!) {
      shopTicket(id: 1) { subject run { id status agent { name } } }
      execution(id: $id) { ticket { subject } }
    }`,
    { id: run },
  );
  expect(errors).toEqual([]);
  expect(data.shopTicket).toMatchObject({ subject: 'Broken', run: { id: run, status: 'queued' } });
  expect(data.execution).toEqual({ ticket: { subject: 'Broken' } });
});

test('tables without a grant, columns without a grant, and everything that writes are left out', async () => {
  const { data } = await ask(
    api,
    `{ __schema { queryType { fields { name } } mutationType { fields { name } } }
       ticket: __type(name: "ShopTicket") { fields { name } } }`,
  );
  const names = (fields: { name: string }[]) => fields.map(({ name }) => name);
  expect(
    names(data.__schema.queryType.fields)
      .filter((name) => /shop|payroll/i.test(name))
      .toSorted(),
  ).toEqual([
    'shopAgent',
    'shopAgentByNodeId',
    'shopAgents',
    'shopTicket',
    'shopTicketByExecutionId',
    'shopTicketByNodeId',
    'shopTickets',
  ]);
  expect(
    names(data.__schema.mutationType.fields).filter((name) => /shop|till/i.test(name)),
  ).toEqual([]);
  expect(names(data.ticket.fields)).not.toContain('note');
});

test('the row security of the table holds', async () => {
  const guarded = await startTestApi(db.url, { ...tokenOptions, graphqlSchemas: ['shop'] });
  try {
    const outsider = await makePerson(db.pool, unique('stranger'), await makeTenant(db.pool));
    const result = await ask(
      guarded,
      '{ shopTicket(id: 1) { subject } }',
      {},
      await tokenFor(outsider),
    );
    expect(result.data).toEqual({ shopTicket: null });
  } finally {
    await guarded.close();
  }
});

test.each([
  ['nowhere', 'there is no schema nowhere'],
  ['closed', 'the role howdah_app may not use the schema closed'],
  ['howdah_private', 'the schema howdah_private cannot be added'],
  ['clash', 'GraphQL cannot be built with the schemas clash'],
])('the API does not start with the schema %s', async (schema, reason) => {
  const refused = await refusal(startTestApi(db.url, { graphqlSchemas: [schema] }));
  expect(refused).toMatchObject({ code: 'HWINV' });
  expect(refused.message).toContain(`HOWDAH_GRAPHQL_SCHEMAS: ${reason}`);
});
