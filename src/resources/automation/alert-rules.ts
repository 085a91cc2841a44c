import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { flag, id, object, optionalText, time } from '../fields.ts';
import { resource } from '../resource.ts';

const states = z.enum(enumLabels.alert_state);
/**
 * Columns that the tag of a rule stands for. Workers write the state, and a new state is no change
 * of the rule.
 */
const WRITTEN = [
  'name',
  'description',
  'query',
  'engine_check',
  'interval_seconds',
  'webhook_id',
  'is_active',
];

export const alertRules = resource('alert_rules', {
  path: '/api/alert-rules',
  one: 'alert rule',
  command: {
    noun: 'admin alerts',
    list: ['name', 'state', 'found_rows', 'changed_at', 'interval_seconds', 'is_active'],
    empty:
      'There are no alert rules. Create the standard rules: howdah admin alerts --use. See docs/observability.md.',
  },
  stamp: WRITTEN.map((column) => `t.${column}`).join(', '),
  columns: {
    name: z.string(),
    description: z.string().optional(),
    query: optionalText,
    engine_check: optionalText,
    interval_seconds: z.int32().optional(),
    webhook_id: id.nullable().optional(),
    is_active: z.boolean().optional(),
  },
  readOnly: {
    state: states,
    found_rows: z.number().nullable(),
    sample: z.array(object).nullable(),
    last_error: z.string().nullable(),
    last_at: time.nullable(),
    changed_at: time.nullable(),
    created_at: time,
    updated_at: time,
  },
  examples: {
    create: { name: 'backlog', query: 'select * from orders where due < now()' },
    change: { interval_seconds: 3600 },
  },
  filters: { name: z.string().optional(), state: states.optional(), is_active: flag.optional() },
});
