import { z } from 'zod';
import { optionalInt, time } from '../fields.ts';
import { resource } from '../resource.ts';

/** The retention policy of the tenant, which has at most one. Only owners write it. */
export const retentionPolicies = resource('retention_policies', {
  path: '/api/retention-policies',
  one: 'retention policy',
  many: 'retention policies',
  command: {
    noun: 'admin retention-policies',
    list: ['id', 'keep_contents_days', 'keep_runs_days', 'keep_sessions_minutes', 'is_by_month'],
    empty: 'There is no retention policy: all runs are kept. See docs/operations.md.',
    name: 'id',
  },
  columns: {
    keep_contents_days: optionalInt,
    keep_sessions_minutes: z.int32().optional(),
    keep_runs_days: optionalInt,
    encrypt_contents: z.boolean().optional(),
    is_by_month: z.boolean().optional(),
  },
  readOnly: { created_at: time, updated_at: time },
  examples: {
    create: { keep_contents_days: 30, keep_runs_days: 400 },
    change: { keep_runs_days: 800 },
  },
  filters: {},
});
