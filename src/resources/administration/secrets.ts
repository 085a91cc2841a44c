import { z } from 'zod';
import { id, time } from '../fields.ts';
import { resource } from '../resource.ts';

/** Secrets. No interface returns a value. */
export const secrets = resource('secrets', {
  path: '/api/secrets',
  one: 'secret',
  command: {
    noun: 'admin secret',
    list: ['name', 'last_four', 'version', 'rotated_at', 'models'],
    empty: 'No secrets. Store one: howdah admin secret set NAME',
  },
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
  computed: {
    models: {
      sql: `array(select m.name from howdah.models as m
        where m.tenant_id = t.tenant_id and m.secret_name = t.name order by m.name)`,
      schema: z.array(z.string()).describe('The names of the models that use it'),
    },
  },
  filters: { name: z.string().optional() },
});
