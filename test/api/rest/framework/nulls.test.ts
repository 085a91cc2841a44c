import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Route } from '../../../../src/api/rest/framework/route.ts';
import { restRoutes } from '../../../../src/api/rest/rest-routes.ts';
import type { ApiServer } from '../../../../src/api/server.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestApi } from '../../harness.ts';
import { type Called, call } from '../call.ts';

// Clients that serialize classes send null for each field that is not set. Every operation must
// treat such a null as an absent field.

const db = testDatabase();
let api: ApiServer;
/** A row of each list that has a POST, by path. */
const made = new Map<string, string>();

beforeAll(async () => {
  api = await startTestApi(db.url);
  for (const route of routes.filter(
    ({ method, path }) => method === 'POST' && !path.includes('{'),
  )) {
    const { status, body } = await request(route, bodyFor(route));
    if (status === 201) made.set(route.path, body.id);
  }
});
afterAll(async () => {
  await api?.close();
});

const routes = restRoutes.filter(({ body, bodyTypes }) => body && !bodyTypes);
const label = ({ method, path }: Route) => `${method} ${path}`;
const shapeOf = ({ body }: Route) => (body as z.ZodObject).shape as Record<string, z.ZodType>;

let count = 1000;

/** Bodies whose required fields need more than their type. */
const REQUIRED: Record<string, object> = {
  '/api/agents': { name: 'x' },
  '/api/workflows': { name: 'x', type: 'chain' },
  '/api/models': { name: 'x', provider: 'scripted' },
  '/api/prompts': { name: 'x', template: 'Hello' },
  '/api/skills': { name: 'x', description: 'When', content: 'What' },
  '/api/tools': { name: 'x', kind: 'agent', agent: 'development', description: 'Asks' },
  '/api/mcp-servers': { name: 'x', type: 'http', configuration: { url: 'https://mcp.example/x' } },
  '/api/resources': { name: 'x', type: 'text/plain', content: 'x' },
  '/api/schedules': { name: 'x', cron: '@daily', input: 'x', agent: 'development' },
  '/api/webhooks': { url: 'https://hooks.example/x' },
  '/api/users': { username: 'x' },
  '/api/alert-rules': { name: 'x', engine_check: 'failed_deliveries' },
  '/api/output-filters': { name: 'x', pattern: 'x' },
  '/api/integrations': { name: 'x', resource_url: 'https://mcp.example/x' },
  '/api/api-keys': { name: 'x' },
  '/api/execute': { agent: 'development', message: 'x' },
  '/api/webhooks/{id}/signing-key': { rotate: true },
  '/sessions/{sid}/todolist': { content: 'x', version: 'x' },
  '/query': { question: 'x', wait: 0 },
};

/** Returns a body with the required fields only. Names are unique. */
function bodyFor(route: Route): Record<string, unknown> {
  count += 1;
  const own = REQUIRED[route.path.replace(/\/\{id\}$/, '')];
  const required = own ?? sample(z.toJSONSchema(route.body as z.ZodType, OPTIONS) as Sample);
  const entries = Object.entries(required as object);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value === 'x' ? `x${count}` : value]),
  );
}
const OPTIONS = { io: 'input', unrepresentable: 'any' } as const;
type Sample = {
  type?: string;
  enum?: unknown[];
  anyOf?: Sample[];
  properties?: Record<string, Sample>;
  required?: string[];
};
function sample(schema: Sample): unknown {
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return sample(schema.anyOf[0] as Sample);
  if (schema.type === 'object') {
    const entries = Object.entries(schema.properties ?? {});
    const required = entries.filter(([name]) => schema.required?.includes(name));
    return Object.fromEntries(required.map(([name, one]) => [name, sample(one)]));
  }
  if (schema.type === 'string') return 'x';
  if (schema.type === 'integer' || schema.type === 'number') return 1;
  if (schema.type === 'boolean') return true;
  return schema.type === 'array' ? [] : null;
}

const MISSING = '01890000-0000-7000-8000-000000000000';

function request(route: Route, body: object): Promise<Called> {
  const id = made.get(route.path.replace(/\/\{\w+\}.*$/, '')) ?? MISSING;
  const path = route.path.replace(/\{(id|sid)\}/, id).replaceAll(/\{\w+\}/g, 'x');
  return call(api, route.method, path, body);
}

/** Returns an answer without what differs between two equal requests. */
const comparable = ({ status, body }: Called) =>
  `${status} ${JSON.stringify(body)}`
    .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'ID')
    .replaceAll(/"\d{4}-\d\d-\d\dT[^"]*"/g, '"TIME"')
    .replaceAll(/\bx\d+/g, 'x')
    .replaceAll(
      /log entry \w+|"id":"[0-9a-f]{12}"|"(key|signing_key|prefix|fingerprint|sha256|secret_name|previous_secret_name)":("[^"]*"|null)/g,
      'ONCE',
    )
    .replaceAll(/"(version|turns|turn)":\d+/g, 'COUNT');

describe('null for an optional field is the same as no field', () => {
  test.each(routes.map((route) => [label(route), route] as const))('%s', async (_label, route) => {
    const optional = Object.entries(shapeOf(route)).filter(
      ([name, one]) =>
        one.safeParse(undefined).success &&
        !(name in (REQUIRED[route.path.replace(/\/\{id\}$/, '')] ?? {})) &&
        // PATCH sets a column to null that may be null
        !(route.method === 'PATCH' && one.safeParse(null).success),
    );
    const nulls = Object.fromEntries(optional.map(([name]) => [name, null]));
    const without = await request(route, bodyFor(route));
    const withNulls = await request(route, { ...bodyFor(route), ...nulls });
    expect(comparable(withNulls)).toBe(comparable(without));
  });
});

describe('the rows of the walk', () => {
  test('exist for most lists, so that their answers are those of success', () => {
    expect([...made.keys()].length).toBeGreaterThan(14);
  });
});
