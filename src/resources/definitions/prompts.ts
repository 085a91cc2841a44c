import { z } from 'zod';
import { object } from '../fields.ts';
import { resource } from '../resource.ts';
import { byName, owner, times } from './columns.ts';

/** Templates for the instructions of agents. */
export const prompts = resource('prompts', {
  path: '/api/prompts',
  one: 'prompt',
  living: 't.deleted_at is null',
  command: {
    noun: 'dev prompts',
    list: ['id', 'name', 'description'],
    empty: 'No prompts. Create one: howdah dev prompts create NAME TEMPLATE',
  },
  columns: {
    name: z.string(),
    description: z.string().optional(),
    template: z.string(),
    variables: object.optional(),
  },
  readOnly: { ...owner, ...times },
  examples: {
    create: { name: 'greeting', template: 'Greet the customer.' },
    change: { description: 'How to greet' },
  },
  filters: byName,
  aliases: { prompt_id: 'id' },
  async remove(db, promptId) {
    await db.query('select (howdah.delete_prompt($1)).id', [promptId]);
  },
});
