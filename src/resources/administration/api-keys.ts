import { z } from 'zod';
import { id, role, time } from '../fields.ts';
import { shownName } from '../references.ts';
import { resource } from '../resource.ts';

export const scopes = z.array(z.enum(['read', 'run', 'edit', 'manage']));

/** API keys, without their secrets. Only the name of a key changes. */
export const apiKeys = resource('api_keys', {
  path: '/api/api-keys',
  one: 'API key',
  writes: ['change'],
  command: {
    noun: 'admin key',
    list: ['id', 'prefix', 'name', 'user', 'role', 'scopes', 'state', 'expires_at', 'last_used_at'],
    empty: 'No API keys. Create one: howdah admin key create NAME',
  },
  // The time of the last use is no change of the key.
  stamp: 't.name, t.revoked_at',
  columns: { name: z.string().describe('What the key is for, in at most 100 characters') },
  readOnly: {
    prefix: z.string(),
    tenant_id: id,
    user_id: id.nullable(),
    role,
    scopes: scopes.nullable(),
    expires_at: time.nullable(),
    last_used_at: time.nullable(),
    revoked_at: time.nullable(),
    created_by: z.string(),
    created_at: time,
    made_without_login: z.boolean(),
  },
  computed: {
    tenant: {
      sql: '(select x.slug from howdah.tenants as x where x.id = t.tenant_id)',
      schema: z.string().describe('The slug of the tenant'),
    },
    user: {
      ...shownName('users', 'user_id'),
      schema: z.string().nullable().describe('The name of the user; null for the whole tenant'),
    },
    state: {
      sql: `case when t.revoked_at is not null then 'revoked'
        when t.expires_at <= now() then 'expired'
        when exists (select from howdah.tenants as x where x.id = t.tenant_id and x.is_active)
          and (t.user_id is null
            or exists (select from howdah.users as u where u.id = t.user_id and u.is_active))
          then 'good'
        else 'inactive' end`,
      schema: z
        .enum(['good', 'revoked', 'expired', 'inactive'])
        .describe('Whether the key can be used; inactive if its tenant or user is'),
    },
  },
  filters: { name: z.string().optional(), prefix: z.string().optional(), user_id: id.optional() },
  aliases: { api_key_id: 'id' },
});
