import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Route } from '../../../src/api/rest/framework/route.ts';
import { restRoutes } from '../../../src/api/rest/rest-routes.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { type UserRole, userRoles } from '../../../src/db/access/subjects.ts';
import { allResources } from '../../../src/resources/all-resources.generated.ts';
import type { Resource } from '../../../src/resources/resource.ts';
import { all, one } from '../../sql/support.ts';
import { MARK, makeTwoTenants } from '../../sql/two-tenants.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';
import { tokenFor, tokenOptions } from '../subscriptions/tokens.ts';
import { type Called, call } from './call.ts';

// Requests every route of the REST table as one tenant for rows of another tenant, like
// test/api/every-endpoint/isolation.test.ts. The routes are read from the table, so new routes are
// included.

const db = testDatabase();
let api: ApiServer;
let token: string;
/** Ids of rows of the other tenant, by table. */
let theirs: Record<string, string>;
let before: string;

beforeAll(async () => {
  const { a, b } = await makeTwoTenants(db.pool);
  api = await startTestApi(db.url, tokenOptions);
  token = await tokenFor(
    { sub: 'a', tenant_id: a, user_id: '' },
    { user_id: undefined, role: 'owner' },
  );
  const tables = await all(
    db.pool,
    `select c.relname as name from pg_class as c join pg_attribute as x on x.attrelid = c.oid and x.attname = 'id'
     join pg_attribute as t on t.attrelid = c.oid and t.attname = 'tenant_id'
     where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`,
  );
  theirs = {};
  for (const { name } of tables) {
    const [row] = await all(
      db.pool,
      `select id from howdah.${name} where tenant_id = $1 order by id desc limit 1`,
      [b],
    );
    theirs[name] = row?.id;
  }
  before = await rowsOf(b);
  // what the examples of resources name
  await db.pool.query(`insert into howdah.agents (name) values ('support'), ('writer'), ('editor');
    insert into howdah.secrets (name, fingerprint) values ('github_hook', '')`);
});
afterAll(async () => {
  await api?.close();
});

/** Returns all rows of the other tenant. */
async function rowsOf(tenant: string): Promise<string> {
  const texts = [];
  for (const table of Object.keys(theirs)) {
    const rows = await all(
      db.pool,
      `select md5(string_agg(t::text, '' order by t::text)) as hash from howdah.${table} as t where tenant_id = $1`,
      [tenant],
    );
    texts.push(rows[0]?.hash);
  }
  return texts.join(' ');
}

const makeMissingId = () => randomUUID().replace(/^(.{14})4/, '$17');
const namesIn = ({ path }: Route) => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
const isOne = (route: Route) => namesIn(route).length > 0;
/** Batch jobs work for all tenants: their names are in the code, and no tenant may pause them. */
const isOfAllTenants = ({ path }: Route) => path.startsWith('/api/batch-jobs/');
/** Answers that are refused to members and viewers, who would take an empty one for good news. */
const OF_ADMINS: readonly string[] = ['/api/audit-log/check', '/api/violations'];
/** Returns whether a route answers with a list that ends, not with a stream. */
const isList = (route: Route) =>
  !isOne(route) && route.method === 'GET' && route.answers[200]?.type !== 'text/event-stream';
const label = ({ method, path }: Route) => `${method} ${path}`;

/**
 * Returns a value that the schema accepts, with the id wherever it fits. Optional values are
 * omitted unless they accept an id.
 */
function valueFor(schema: z.ZodType, id: string): unknown {
  const text = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return sample(text as Sample, id);
}
type Sample = {
  type?: string;
  format?: string;
  enum?: unknown[];
  properties?: Record<string, Sample>;
  required?: string[];
  anyOf?: Sample[];
};
function sample(schema: Sample, id: string): unknown {
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return sample(schema.anyOf[0] as Sample, id);
  if (schema.type === 'object') {
    const entries = Object.entries(schema.properties ?? {});
    const included = entries.filter(([name, one]) => schema.required?.includes(name) || hasId(one));
    return Object.fromEntries(included.map(([name, one]) => [name, sample(one, id)]));
  }
  if (schema.type === 'string') return isId(schema) ? id : 'x';
  if (schema.type === 'integer' || schema.type === 'number') return 1;
  if (schema.type === 'boolean') return true;
  if (schema.type === 'array') return [];
  return null;
}
const isId = ({ format }: Sample) => format === 'uuid' || format === 'guid';
const hasId = (one: Sample) => isId(one) || (one.anyOf ?? []).some(isId);

/** Bodies of routes that reject several ids in one request. */
const OWN_BODIES: Record<string, object> = {
  'PUT /sessions/{sid}/agent': { agent: 'development' },
  'PUT /sessions/{sid}/todolist': { content: '- [ ] x', version: 'x' },
  'POST /api/datasets/{id}/items': { items: [{ input: 'x' }] },
  'PUT /api/workflows/{id}': { name: 'x', type: 'chain' }, // the type is one of a fixed list
};
/** Queries of routes that require one. */
const QUERIES: Record<string, string> = {
  'GET /api/knowledge-bases/{id}/search': '?query=x',
  'POST /api/knowledge-bases/{id}/documents': '?title=x',
  'GET /api/memories/recall': '?query=x',
  'GET /api/evaluations/{id}/rubric-examples': '?grader=x',
  'GET /api/evaluations/{id}/comparison': '?with=0197a000-0000-7000-8000-000000000001',
};
const bodyFor = (route: Route, id: string): unknown =>
  OWN_BODIES[label(route)] ?? (route.body && valueFor(route.body, id));

async function requestRoute(route: Route, id: string, body: unknown): Promise<Called> {
  const filled = route.path.replace('{seq}', '1').replaceAll(/\{\w+\}/g, id);
  const path = `${filled}${QUERIES[label(route)] ?? ''}`;
  const headers = route.bodyTypes ? { 'content-type': String(route.bodyTypes[0]) } : {};
  return call(api, route.method, path, body, { token, headers });
}

/** Returns a response as text with placeholders for the requested id, generated ids and times. */
function comparableText({ status, body }: Called, id: string): string {
  return JSON.stringify({ status, body })
    .replaceAll(id, 'THAT')
    .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'SOME')
    .replaceAll(/"\d{4}-\d\d-\d\dT[^"]*"/g, '"WHEN"')
    .replaceAll(/log entry \w+|"id":"[0-9a-f]{12}"/g, 'LOGGED');
}

describe('a row of another tenant looks like a missing row', () => {
  test.each(
    restRoutes
      .filter((one) => isOne(one) && !isOfAllTenants(one))
      .map((route) => [label(route), route] as const),
  )('%s', async (_label, route) => {
    const missing = makeMissingId();
    const not = await requestRoute(route, missing, bodyFor(route, missing));
    for (const [table, id] of Object.entries(theirs)) {
      const there = await requestRoute(route, id, bodyFor(route, id));
      expect(comparableText(there, id), table).toBe(comparableText(not, missing));
      expect(there.status, table).toBe(404);
      expect(JSON.stringify(there.body)).not.toContain(MARK);
    }
  });
});

test('a body that names a foreign row gets the same answer as for a missing row', async () => {
  const takers = restRoutes.filter(
    (route) => !isOne(route) && route.body && !route.bodyTypes && route.method === 'POST',
  );
  expect(takers.length).toBeGreaterThan(8);
  for (const route of takers) {
    const body = route.body as z.ZodObject;
    const fields = Object.entries(body.shape).filter(([, one]) =>
      hasId(z.toJSONSchema(one as z.ZodType, { io: 'input', unrepresentable: 'any' }) as Sample),
    );
    for (const [field] of fields) {
      const requestWith = (id: string) => {
        const plain = Object.entries(valueFor(body, id) as Record<string, unknown>);
        const rest = plain.filter(([name]) => !fields.some(([one]) => one === name));
        return requestRoute(route, id, { ...Object.fromEntries(rest), [field]: id });
      };
      const missing = makeMissingId();
      const not = comparableText(await requestWith(missing), missing);
      for (const [table, id] of Object.entries(theirs)) {
        const there = comparableText(await requestWith(id), id);
        expect(there, `${label(route)} ${field} ${table}`).toBe(not);
      }
    }
  }
});

test('lists return rows of one tenant only, whatever their filters', async () => {
  const lists = restRoutes.filter(isList);
  expect(lists.length).toBeGreaterThan(10);
  for (const route of lists) {
    const { status, body } = await requestRoute(route, '', undefined);
    expect(status, label(route)).toBe(200);
    expect(JSON.stringify(body), label(route)).not.toContain(MARK);
    for (const name of Object.keys(route.query?.shape ?? {}).filter((one) => one.endsWith('_id'))) {
      for (const id of Object.values(theirs)) {
        const found = await call(api, 'GET', `${route.path}?${name}=${id}`, undefined, { token });
        expect(found.body.data ?? [], `${label(route)} ${name}`).toEqual([]);
      }
    }
  }
});

test('the requests above changed no row of the other tenant', async () => {
  const [{ tenant_id }] = (await all(db.pool, 'select tenant_id from howdah.agents where id = $1', [
    theirs.agents,
  ])) as [{ tenant_id: string }];
  expect(await rowsOf(tenant_id)).toBe(before);
});

/** What a member may begin besides rows of resources. */
const BODIES: Record<string, object> = {
  '/api/execute': { agent: 'development', message: 'x' },
  '/query': { question: 'x', wait: 0 },
  '/sessions': {},
};

/** Fields that are unique in a tenant, besides those that `command.name` of a resource names. */
const NAMING = new Set(['name', 'username', 'url', ...allResources.map(namingField)]);
function namingField({ command }: Resource): string {
  return command?.name ?? 'name';
}

/** Returns what is created with the examples of each resource, with a name for each role. */
function creationsFor(role: string) {
  return allResources.flatMap(({ table, path, examples }) => {
    if (!examples || !restRoutes.some((route) => label(route) === `POST ${path}`)) return [];
    const fields = Object.entries(examples.create).map(([name, value]) => [
      name,
      NAMING.has(name) ? `${value}_${role}` : value,
    ]);
    return [{ table, path, body: Object.fromEntries(fields) }];
  });
}

/** Returns the least role that may write each table, as docs/reference/permissions.md has it. */
async function leastRoles(): Promise<Map<string, string>> {
  const rows = await all(
    db.pool,
    `select object, min(role)::text as role from howdah.permissions
     where action <> 'read' group by 1`,
  );
  return new Map(rows.map(({ object, role }) => [object, role]));
}

test.each(userRoles)('a %s may create what its role allows', async (role) => {
  const [{ tenant_id }] = (await all(
    db.pool,
    `select id as tenant_id from howdah.tenants where slug = 'default'`,
  )) as [{ tenant_id: string }];
  const own = await tokenFor({ sub: 'r', tenant_id, user_id: '' }, { user_id: undefined, role });
  const roles = await leastRoles();
  const others = Object.entries(BODIES).map(([path, body]) => ({
    table: 'executions',
    path,
    body,
  }));
  const { knowledge_base_id } = await one(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name) values ($1, $2)
     returning id as knowledge_base_id`,
    [tenant_id, `base of ${role}`],
  );
  const dataset = await one(
    db.pool,
    'insert into howdah.datasets (tenant_id, name) values ($1, $2) returning id',
    [tenant_id, `data of ${role}`],
  );
  await db.pool.query(
    `insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
     values ($1, $2, $3, 'latency', '{"max": 1}')`,
    [tenant_id, dataset.id, `time of ${role}`],
  );
  const needed: Record<string, object> = {
    dataset_items: { dataset_id: dataset.id },
    grading_rules: { dataset: `data of ${role}` },
    documents: { knowledge_base_id },
    memories: { scope: 'tenant' }, // the login is no user, whom a memory could be about
  };
  const begun = [...creationsFor(role), ...others].map((made) => ({
    ...made,
    body: { ...made.body, ...needed[made.table] },
  }));
  expect(begun.length).toBeGreaterThan(18);
  for (const { table, path, body } of begun) {
    const made = await call(api, 'POST', path, body, { token: own });
    const least = roles.get(table) ?? 'nobody';
    const mayWrite = userRoles.indexOf(role) <= userRoles.indexOf(least as UserRole);
    if (!mayWrite) expect(made, path).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
    else expect(made.status, `${path} ${JSON.stringify(made.body)}`).toBeLessThan(300);
    // rows without a name would meet those of the next role, and a grant changes what it may do
    if (mayWrite && table !== 'executions' && !Object.keys(body).some((name) => NAMING.has(name))) {
      await db.pool.query(`delete from howdah.${table} where id = $1`, [made.body.id]);
    }
  }
  // an export has the definitions of all, which people without rights may not read
  for (const route of restRoutes.filter((one) => isList(one) && !one.path.endsWith('/export'))) {
    const path = `${route.path}${QUERIES[label(route)] ?? ''}`;
    const read = await call(api, 'GET', path, undefined, { token: own });
    const mayRead = role === 'owner' || role === 'admin' || !OF_ADMINS.includes(route.path);
    expect(read.status, label(route)).toBe(mayRead ? 200 : 403);
  }
});

test('every route requires a login', async () => {
  for (const route of restRoutes) {
    const path = route.path.replaceAll(/\{\w+\}/g, makeMissingId());
    const { status, body } = await call(api, route.method, path);
    expect(status, label(route)).toBe(401);
    expect(body.code, label(route)).toBe('HWDEN');
  }
});
