import { z } from 'zod';
import { eraseUser } from '../../../db/queries/personal-data.ts';
import { byId, flag, id, object, optionalText, role, time } from '../../http/fields.ts';
import { createResource } from '../definitions/definitions.ts';
import { crudRoutes } from '../framework/crud-resource.ts';
import { type Route, route } from '../framework/route.ts';

const users = createResource({
  path: '/api/users',
  one: 'user',
  table: 'users',
  name: 'User',
  columns: {
    username: z.string().describe('Unique among the users of the tenant'),
    email: optionalText,
    role: role.optional().describe('member by default'),
    is_active: z.boolean().optional().describe('False takes the access away within a second'),
  },
  readOnly: { created_at: time, updated_at: time },
  filters: {
    username: z.string().optional(),
    role: role.optional(),
    is_active: flag.optional(),
  },
  fieldAliases: { user_id: 'id' },
});

const erase = route({
  method: 'POST',
  path: '/api/users/{id}/erase',
  id: 'eraseUser',
  tag: 'users',
  summary: 'Erase the data of a user',
  description: 'Cannot be undone. See docs/personal-data.md for what is erased.',
  params: byId,
  isBodyOptional: true,
  body: z.strictObject({
    mode: z
      .enum(['anonymise', 'delete'])
      .optional()
      .describe('anonymise (default) replaces contents; delete removes runs and sessions'),
    cancel_live: z
      .boolean()
      .optional()
      .describe('Cancels live runs of the user; without it, live runs cause a conflict error'),
    dry_run: z.boolean().optional().describe('Counts the rows, and erases nothing'),
  }),
  answers: {
    200: {
      description: 'The number of erased rows of each kind',
      schema: z.looseObject({ user_id: id, mode: z.string(), files: z.array(object).optional() }),
    },
  },
  async work(db, { params: { id }, body }) {
    const { mode = 'anonymise', cancel_live: cancelLive = false } = body;
    if (body.dry_run) await db.query('savepoint before_erasure');
    const erased = await eraseUser(db, { id, mode, cancelLive });
    if (body.dry_run) await db.query('rollback to savepoint before_erasure');
    return { body: erased };
  },
});

/** Routes of users. A user is not deleted like a row, but erased with everything of that user. */
export const userRoutes: Route[] = [
  ...crudRoutes(users).filter(({ method }) => method !== 'DELETE'),
  erase,
];
