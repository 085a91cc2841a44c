import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { flag, id, object, optionalText, time } from '../../http/fields.ts';
import { createResource } from '../definitions/definitions.ts';

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

export const alertRules = createResource({
  path: '/api/alert-rules',
  one: 'alert rule',
  table: 'alert_rules',
  name: 'AlertRule',
  stamp: WRITTEN.map((column) => `t.${column}`).join(', '),
  columns: {
    name: z.string(),
    description: z.string().optional(),
    query: optionalText.describe('One SELECT that returns no rows when there is no problem'),
    engine_check: optionalText.describe('A built-in check instead of a query: failed_deliveries'),
    interval_seconds: z.int32().optional().describe('Seconds between two checks, from 10 to 86400'),
    webhook_id: id
      .nullable()
      .optional()
      .describe('Where alerts are sent; see docs/observability.md'),
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
  filters: { name: z.string().optional(), state: states.optional(), is_active: flag.optional() },
});
