import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { restRoutes } from '../../../../src/api/rest/rest-routes.ts';
import type { ApiServer } from '../../../../src/api/server.ts';
import { all } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestApi } from '../../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../../subscriptions/tokens.ts';
import { call } from '../call.ts';

// A caller without the right to change something is told so, whatever the body is.

const db = testDatabase();
const ROLES = ['viewer', 'member', 'admin', 'owner'] as const;
const tokens = new Map<string, string>();
const leastRoles = new Map<string, string>();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url, tokenOptions);
  for (const role of ROLES) {
    const person = await makePerson(db.pool, `rights_${role}`);
    await db.pool.query('update howdah.users set role = $2 where id = $1', [person.user_id, role]);
    tokens.set(role, await tokenFor(person, { role }));
  }
  const rows = await all(
    db.pool,
    `select object, max(role) as role from howdah.permissions where action <> 'read' group by object`,
  );
  for (const { object, role } of rows) leastRoles.set(object, role);
});
afterAll(async () => {
  await api?.close();
});

/** Routes with a body. A query of a person has one, and changes nothing. */
const changing = restRoutes.filter(
  ({ body, method, tag }) => body && method !== 'GET' && tag !== 'sql',
);
const objectOf = (tag: string) =>
  tag === 'questions' ? 'executions' : tag.replaceAll(/[- ]/g, '_');

test('there are routes of admins, and each changes an object with a permission', () => {
  const objects = changing.map(({ tag, permission }) => permission?.object ?? objectOf(tag));
  expect(objects.filter((object) => !leastRoles.has(object))).toEqual([]);
  expect(objects.filter((object) => leastRoles.get(object) === 'admin').length).toBeGreaterThan(30);
});

describe.each(ROLES)('as %s', (role) => {
  test('a body with an unknown field is refused by the rights first', async () => {
    for (const { method, path, tag, bodyTypes, permission } of changing) {
      if (bodyTypes) continue; // a text has no fields
      const url = path.replaceAll(/\{\w+\}/g, crypto.randomUUID());
      const token = tokens.get(role) ?? '';
      const { status } = await call(api, method, url, { no_such_field: 1 }, { token });
      const least = leastRoles.get(permission?.object ?? objectOf(tag)) ?? '';
      const may = ROLES.indexOf(role) >= ROLES.indexOf(least as (typeof ROLES)[number]);
      expect({ method, path, isForbidden: status === 403 }).toEqual({
        method,
        path,
        isForbidden: !may,
      });
    }
  });
});
