import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { type Collection, findRow } from '../../../db/queries/row-collection.ts';
import { answerPage } from '../../../operations/pagination.ts';
import { findExecution } from '../../../operations/runs/run-rows.ts';
import { columnList } from '../../../resources/column-list.ts';
import { byId, id, page, pageOf, time } from '../../../resources/fields.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { type Route, route } from '../framework/route.ts';

const feedback = z
  .object({
    id,
    execution_id: id,
    message_seq: z
      .int()
      .nullable()
      .describe('The message the feedback is about; null for the whole run'),
    score: z.number().nullable(),
    comment: z.string().nullable(),
    created_by: z.string(),
    source: z
      .enum(enumLabels.feedback_source)
      .describe('Whether a person, a program, an agent or an outcome said so'),
    is_reward: z.boolean().describe('Whether it counts in howdah.rewards'),
    outcome: z.string().nullable(),
    is_reported: z.boolean().describe('Whether a program reported it for the person'),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Feedback' });

const entries: Collection = {
  table: 'feedback_entries',
  shown: columnList(feedback.shape),
  stamp: 't.updated_at',
};

const shared = { tag: 'executions', path: '/api/executions/{id}/feedback', params: byId };

async function entryOf(db: Queryable, id: string) {
  const found = await findRow(db, entries, id);
  if (!found) throw noSuch('feedback entry', id);
  return found.row;
}

/** Routes for the feedback of people on a run. */
export const feedbackRoutes: Route[] = [
  route({
    ...shared,
    method: 'POST',
    id: 'giveFeedback',
    summary: 'Set your feedback on a run, replacing your earlier feedback',
    description:
      'Requires the right to run its agent. Each caller has one entry per run and message; the audit log keeps replaced entries. What a key without a user says about a run that it started counts nothing in rewards, unless it names the person. See docs/feedback.md.',
    isKeyed: true,
    findAgain: entryOf,
    body: z.strictObject({
      score: z.number().min(0).max(1).nullish().describe('From 0 (useless) to 1 (correct)'),
      comment: z.string().nullish(),
      message_seq: z
        .int32()
        .nullish()
        .describe('The seq of a message of the run; the whole run by default'),
      user_id: id.nullish().describe('The person who said so, from a key without a user'),
      outcome: z
        .string()
        .nullish()
        .describe('Name of a later event in the business, with a score; requires the role admin'),
    }),
    answers: { 201: { description: 'Your feedback', schema: feedback } },
    async work(db, { params, body }) {
      const { score = null, comment = null, message_seq = null } = body;
      const { user_id = null, outcome = null } = body;
      const { rows } = await db.query<{ id: string }>(
        'select (howdah.give_feedback($1, $2, $3, $4, $5, $6)).id',
        [params.id, score, comment, message_seq, user_id, outcome],
      );
      return { status: 201, body: await entryOf(db, rows[0]?.id ?? '') };
    },
  }),
  route({
    ...shared,
    method: 'GET',
    id: 'listFeedback',
    summary: 'List the feedback on a run, newest first',
    isReplicable: true,
    query: z.strictObject(page),
    answers: { 200: { description: 'A page of feedback', schema: pageOf(feedback) } },
    async work(db, { params, query: { limit, cursor }, url }) {
      const run = await findExecution(db, params.id);
      return answerPage(db, entries, [['t.execution_id = ?', run.id]], { limit, cursor }, url);
    },
  }),
];
