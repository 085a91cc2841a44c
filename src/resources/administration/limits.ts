import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { id, optionalText, time } from '../fields.ts';
import { resource } from '../resource.ts';

const scope = z.enum(enumLabels.limit_scope);
const metric = z.enum(enumLabels.limit_metric);
const period = z.enum(enumLabels.limit_period);

/** Limits of usage and concurrency. Only the value of a limit changes. */
export const limits = resource('limits', {
  path: '/api/limits',
  one: 'limit',
  command: {
    noun: 'admin limits',
    list: ['id', 'scope', 'subject_id', 'key', 'metric', 'period', 'max_value', 'is_imposed'],
    empty: 'No limits. Create one: howdah admin limits create cost 50 --period day',
    name: 'id',
  },
  columns: {
    scope: scope.optional(),
    subject_id: id.nullable().optional(),
    key: optionalText,
    metric,
    period: period.nullable().optional(),
    max_value: z.number(),
  },
  once: ['scope', 'subject_id', 'key', 'metric', 'period'],
  readOnly: {
    is_imposed: z.boolean(),
    created_at: time,
    updated_at: time,
  },
  examples: { create: { metric: 'cost', period: 'day', max_value: 50 }, change: { max_value: 80 } },
  filters: {
    scope: scope.optional(),
    subject_id: id.optional(),
    metric: metric.optional(),
    period: period.optional(),
  },
  aliases: { limit_id: 'id' },
});
