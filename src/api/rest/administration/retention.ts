import { z } from 'zod';
import { optionalInt, time } from '../../http/fields.ts';
import { createResource } from '../definitions/definitions.ts';

/** The retention policy of the tenant, which has at most one. Only owners write it. */
export const retentionPolicies = createResource({
  path: '/api/retention-policies',
  one: 'retention policy',
  table: 'retention_policies',
  name: 'RetentionPolicy',
  columns: {
    keep_contents_days: optionalInt.describe('Contents are erased after this time; null: never'),
    keep_sessions_minutes: z.int32().optional().describe('60 by default'),
    keep_runs_days: optionalInt.describe('Ended runs are deleted after this time; null: never'),
    encrypt_contents: z
      .boolean()
      .optional()
      .describe(
        'Whether contents of runs are encrypted a few seconds after their trees have ended',
      ),
    is_by_month: z.boolean().optional().describe('Whether runs are deleted by whole months'),
  },
  readOnly: { created_at: time, updated_at: time },
  filters: {},
});
