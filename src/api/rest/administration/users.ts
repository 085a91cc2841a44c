import { z } from 'zod';
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
  words: { active: 'is_active', user_id: 'id' },
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
  }),
  answers: {
    200: {
      description: 'The number of erased rows of each kind',
      schema: z.looseObject({ user_id: id, mode: z.string(), files: z.array(object).optional() }),
    },
  },
  async work(db, { params, body }) {
    const { rows } = await db.query<{ erased: unknown }>(
      `select howdah.erase_user($1, coalesce($2, 'anonymise')::howdah.erasure_mode, $3) as erased`,
      [params.id, body.mode ?? null, body.cancel_live === true],
    );
    return { body: rows[0]?.erased };
  },
});

/** Routes of users. A user is not deleted like a row, but erased with everything of that user. */
export const userRoutes: Route[] = [
  ...crudRoutes(users).filter(({ method }) => method !== 'DELETE'),
  erase,
];
