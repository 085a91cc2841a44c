import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { id, json, object, optionalText, time } from '../fields.ts';
import { resource } from '../resource.ts';

/** Items of data sets. They are never changed, only removed. */
export const datasetItems = resource('dataset_items', {
  path: '/api/dataset-items',
  one: 'item',
  isLarge: true,
  writes: ['create', 'change'],
  columns: {
    dataset_id: id,
    input: z.string().optional(),
    input_data: json.optional(),
    input_parts: z.array(object).nullable().optional(),
    history: z.array(object).nullable().optional(),
    expected: json.optional(),
    split: optionalText,
    metadata: object.optional(),
    removed_at: time.nullable().optional(),
  },
  once: [
    ...['dataset_id', 'input', 'input_data', 'input_parts', 'history', 'expected', 'split'],
    'metadata',
  ],
  readOnly: {
    source_execution_id: id.nullable(),
    source_seq: z.int().nullable(),
    source_version_id: id.nullable(),
    source_user_id: id.nullable(),
    source_user_ids: z.array(id).nullable(),
    trust: z.enum(enumLabels.trust),
    created_by: z.string(),
    created_at: time,
  },
  examples: {
    create: {
      dataset_id: '0197a000-0000-7000-8000-000000000001',
      input: 'Is a refund possible after 40 days?',
      expected: 'no',
    },
    change: { removed_at: '2026-11-27T00:00:00Z' },
  },
  filters: { dataset_id: id.optional(), source_execution_id: id.optional() },
});
