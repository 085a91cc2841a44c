import { z } from 'zod';
import { flag, id, object, time } from '../fields.ts';
import { shownName } from '../references.ts';
import { resource } from '../resource.ts';

/** Filters of lists that users keep under a name, for themselves or for all. */
export const savedViews = resource('saved_views', {
  path: '/api/saved-views',
  one: 'saved view',
  command: {
    noun: 'dev views',
    list: ['name', 'place', 'filter', 'is_shared'],
    empty:
      'No saved views. Save one: howdah dev views create failures --place runs --filter \'{"status": "failed"}\'',
  },
  columns: {
    name: z.string(),
    place: z.string(),
    filter: object,
    is_shared: z.boolean().optional(),
  },
  once: ['place'],
  readOnly: { user_id: id.nullable(), created_at: time, updated_at: time },
  computed: {
    saved_by: {
      ...shownName('users', 'user_id'),
      schema: z.string().nullable().describe('The name of the user who saved it'),
    },
  },
  examples: {
    create: { name: 'failures', place: 'runs', filter: { status: 'failed', since: '24h' } },
    change: { is_shared: true },
  },
  filters: {
    name: z.string().optional(),
    place: z.string().optional(),
    is_shared: flag.optional(),
  },
});
