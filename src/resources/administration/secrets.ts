import { z } from 'zod';
import { id, time } from '../fields.ts';
import { resource } from '../resource.ts';

/** Secrets. No interface returns a value. */
export const secrets = resource('secrets', {
  path: '/api/secrets',
  one: 'secret',
  columns: { name: z.string().describe('The name: letters, digits, _ . and -') },
  readOnly: {
    fingerprint: z.string(),
    last_four: z.string().nullable(),
    version: z.int(),
    created_by: id.nullable(),
    rotated_at: time.nullable(),
    created_at: time,
    updated_at: time,
  },
  filters: { name: z.string().optional() },
});
