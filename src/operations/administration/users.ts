import { z } from 'zod';
import { eraseUser as erase } from '../../db/queries/personal-data.ts';
import { byId, id, object } from '../../resources/fields.ts';
import { operation } from '../operation.ts';

/** Erases the data of a user. A dry run only counts the rows. */
export const eraseUser = operation({
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
    const erased = await erase(db, { id, mode, cancelLive });
    if (body.dry_run) await db.query('rollback to savepoint before_erasure');
    return { body: erased };
  },
});
