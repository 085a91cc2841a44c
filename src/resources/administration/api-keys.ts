import { z } from 'zod';
import { id, role, time } from '../fields.ts';
import { resource } from '../resource.ts';

export const scopes = z.array(z.enum(['read', 'run', 'edit', 'manage']));

/** API keys, without their secrets. Only the name of a key changes. */
export const apiKeys = resource('api_keys', {
  path: '/api/api-keys',
  one: 'API key',
  writes: ['change'],
  // The time of the last use is no change of the key.
  stamp: 't.name, t.revoked_at',
  columns: { name: z.string().describe('What the key is for, in at most 100 characters') },
  readOnly: {
    prefix: z.string(),
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
  filters: { name: z.string().optional(), prefix: z.string().optional(), user_id: id.optional() },
  aliases: { api_key_id: 'id' },
});
