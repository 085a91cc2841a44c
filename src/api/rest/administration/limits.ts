import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { id, optionalText, time } from '../../http/fields.ts';
import { createResource } from '../definitions/definitions.ts';

const scope = z.enum(enumLabels.limit_scope);
const metric = z.enum(enumLabels.limit_metric);
const period = z.enum(enumLabels.limit_period);

/** Limits of usage and concurrency. Only the value of a limit changes. */
export const limits = createResource({
  path: '/api/limits',
  one: 'limit',
  table: 'limits',
  name: 'Limit',
  columns: {
    scope: scope.optional().describe('What is limited; the tenant by default'),
    subject_id: id.nullable().optional().describe('The id of the one that is limited; null: each'),
    key: optionalText.describe('For scope key: the concurrency_key of runs; null: each'),
    metric,
    period: period.nullable().optional(),
    max_value: z.number().describe('The most that is allowed'),
  },
  fixed: ['scope', 'subject_id', 'key', 'metric', 'period'],
  readOnly: {
    is_imposed: z.boolean().describe('True if an owner of the database wrote the limit'),
    created_at: time,
    updated_at: time,
  },
  filters: {
    scope: scope.optional(),
    subject_id: id.optional(),
    metric: metric.optional(),
    period: period.optional(),
  },
  fieldAliases: { limit_id: 'id' },
});
