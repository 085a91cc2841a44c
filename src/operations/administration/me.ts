import { z } from 'zod';
import { findMe } from '../../db/access/me.ts';
import { id, role } from '../../resources/fields.ts';
import { operation } from '../operation.ts';

const me = z
  .object({
    user_id: id.nullable().describe('null for a key or login that acts for a tenant'),
    username: z.string().nullable(),
    role: role.nullable(),
    tenant_id: id.nullable(),
    tenant: z.string().nullable().describe('The slug of the tenant'),
    scopes: z
      .array(z.string())
      .nullable()
      .describe('The scopes of the API key; null if it has all of its role'),
    permissions: z
      .array(z.string())
      .describe('What the caller may do, as table:action, such as agents:edit'),
  })
  .meta({ id: 'Me' });

/** Shows who the caller is, and what the caller may do. */
export const showMe = operation({
  method: 'GET',
  path: '/api/me',
  id: 'showMe',
  tag: 'me',
  summary: 'Show who the caller is: user, role, tenant and permissions',
  isReplicable: true,
  answers: { 200: { description: 'The caller', schema: me } },
  work: async (db) => ({ body: await findMe(db) }),
});
