import { z } from 'zod';
import { flag } from '../fields.ts';
import { resource } from '../resource.ts';
import { byName, namesOfAgents, owner, times } from './columns.ts';

/** Texts that an agent reads on demand. */
export const skills = resource('skills', {
  path: '/api/skills',
  one: 'skill',
  living: 't.deleted_at is null',
  command: {
    noun: 'dev skills',
    list: ['id', 'name', 'is_active', 'description'],
    empty: 'No skills. Create one: howdah dev skills create NAME TEXT --description TEXT',
  },
  columns: {
    name: z.string(),
    description: z.string(),
    content: z.string(),
    is_active: z.boolean().optional(),
  },
  readOnly: { ...owner, ...times },
  computed: { agents: namesOfAgents('agent_skills', 'skill_id') },
  examples: {
    create: {
      name: 'refunds',
      description: 'Rules for refunds',
      content: 'Refund within 30 days.',
    },
    change: { is_active: false },
  },
  filters: { ...byName, is_active: flag.optional() },
  aliases: { skill_id: 'id' },
  async remove(db, skillId) {
    await db.query('select (howdah.delete_skill($1)).id', [skillId]);
  },
});
