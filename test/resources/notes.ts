import { z } from 'zod';
import { times } from '../../src/resources/definitions/columns.ts';
import { id } from '../../src/resources/fields.ts';
import { resource } from '../../src/resources/resource.ts';

/** The rows of the table in sql/README.md, "A table". */
export const notes = resource('notes', {
  path: '/api/notes',
  one: 'note',
  command: { noun: 'dev notes', list: ['name', 'body'], empty: 'No notes.' },
  columns: { name: z.string(), body: z.string() },
  readOnly: { user_id: id.nullable(), ...times },
  examples: { create: { name: 'tea', body: 'Buy tea.' }, change: { body: 'Buy milk.' } },
  filters: { name: z.string().optional() },
});
