import { z } from 'zod';
import { flag, optionalText, role, time } from '../fields.ts';
import { resource } from '../resource.ts';

/** The users of a tenant. A user is not deleted like a row, but erased with all their data. */
export const users = resource('users', {
  path: '/api/users',
  one: 'user',
  writes: ['create', 'change'],
  command: {
    noun: 'admin users',
    list: ['id', 'username', 'email', 'role', 'is_active'],
    empty: 'No users. Create one: howdah admin users create NAME',
    name: 'username',
  },
  columns: {
    username: z.string(),
    email: optionalText,
    role: role.optional(),
    is_active: z.boolean().optional(),
  },
  readOnly: { created_at: time, updated_at: time },
  examples: {
    create: { username: 'ada', role: 'admin', email: 'ada@example.com' },
    change: { role: 'member' },
  },
  filters: {
    username: z.string().optional(),
    role: role.optional(),
    is_active: flag.optional(),
  },
  aliases: { user_id: 'id' },
});
