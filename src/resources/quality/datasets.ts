import { z } from 'zod';
import { byName, times } from '../definitions/columns.ts';
import { count, optionalText } from '../fields.ts';
import { resource } from '../resource.ts';

/** Inputs with expected results, on which agents and workflows are evaluated. */
export const datasets = resource('datasets', {
  path: '/api/datasets',
  one: 'data set',
  command: {
    noun: 'dataset',
    list: ['id', 'name', 'items', 'description'],
    empty: 'No data sets. Create one: howdah dataset create NAME',
  },
  columns: { name: z.string(), description: optionalText },
  readOnly: times,
  computed: {
    items: {
      sql: `(select count(*)::int from howdah.dataset_items as i
        where i.tenant_id = t.tenant_id and i.dataset_id = t.id and i.removed_at is null)`,
      schema: count.describe('The number of items, without removed ones'),
    },
  },
  stamp: 't.updated_at',
  examples: {
    create: { name: 'refunds', description: 'Questions about refunds' },
    change: { description: 'Questions about refunds of 2026' },
  },
  filters: byName,
});
