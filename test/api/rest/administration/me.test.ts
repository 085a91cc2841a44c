import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import type { Me } from '../../../../src/db/access/me.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestApi } from '../../harness.ts';
import { tokenOptions } from '../../subscriptions/tokens.ts';

const db = testDatabase();
let api: ApiServer;
beforeAll(async () => {
  api = await startTestApi(db.url, tokenOptions);
});
afterAll(() => api?.close());

async function keyOf(role: string, scopes: string[] | null = null): Promise<string> {
  const { rows } = await db.pool.query(
    `select key from howdah.create_api_key('me', $1, $2, now() + interval '1 day')`,
    [role, scopes],
  );
  return rows[0].key;
}

async function send(key: string, path: string, body?: object): Promise<{ data: never } & Me> {
  const response = await fetch(`${api.url}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return (await response.json()) as never;
}
const me = (key: string): Promise<Me> => send(key, '/api/me');

test('a caller learns its role, its tenant and what it may do', async () => {
  const owner = await me(await keyOf('owner'));
  expect(owner).toMatchObject({ role: 'owner', tenant: 'default', user_id: null, scopes: null });
  expect(owner.permissions).toEqual(expect.arrayContaining(['users:manage', 'agents:edit']));
  const member = await me(await keyOf('member'));
  expect(member.permissions).toContain('executions:run');
  expect(member.permissions).not.toContain('users:manage');
  const viewer = await me(await keyOf('viewer'));
  expect(viewer.permissions.filter((one) => !one.endsWith(':read'))).toEqual([]);
});

test('scopes of a key narrow what it may do', async () => {
  const reader = await me(await keyOf('owner', ['read', 'run']));
  expect(reader.scopes).toEqual(['read', 'run']);
  const actions = new Set(reader.permissions.map((one) => one.split(':')[1]));
  expect([...actions].toSorted()).toEqual(['read', 'run']);
});

test('GraphQL and SQL say the same as REST', async () => {
  const key = await keyOf('member');
  const rest = await me(key);
  const query = '{ me { role tenant tenantId userId username scopes permissions } }';
  const { data } = await send(key, '/graphql', { query });
  const { tenant_id: tenantId, user_id: userId, ...same } = rest;
  expect((data as { me: object }).me).toEqual({ ...same, tenantId, userId });
});

test('each permission is a row of howdah.permissions', async () => {
  const { permissions } = await me(await keyOf('owner'));
  const { rows } = await db.pool.query(
    `select array_agg(object || ':' || action) as known from howdah.permissions`,
  );
  expect(rows[0].known).toEqual(expect.arrayContaining(permissions));
});
