import { z } from 'zod';
import type { Explanation } from '../../../contracts/runs/explanation.ts';
import { EXECUTION_STATUSES } from '../../../contracts/runs/step.ts';
import { byId, id, time } from '../../../resources/fields.ts';
import { type Route, route } from '../framework/route.ts';

const explanation = z
  .object({
    execution_id: id,
    status: z.enum(EXECUTION_STATUSES),
    since: time,
    reason: z
      .string()
      .describe(
        'scheduled, in_queue, isolated, no_worker, worker_lacks_code, at_work, worker_lost, child, question, timer, turn, limit, paused, completed, cancelled, or the stop reason of a failed run',
      ),
    summary: z.string(),
    blocked_by: z.array(
      z.object({
        kind: z.string(),
        id: id.nullable(),
        name: z.string().nullable(),
        detail: z.string(),
      }),
    ),
    next: z.array(
      z.object({
        action: z
          .string()
          .describe('The action, such as answer_question, approve or resume_execution'),
        id: id.nullable(),
      }),
    ),
  })
  .meta({ id: 'Explanation' });

export const explanationRoute: Route = route({
  method: 'GET',
  path: '/api/executions/{id}/explanation',
  id: 'explainExecution',
  tag: 'executions',
  summary: 'Explain the status of a run and the possible actions',
  params: byId,
  answers: { 200: { description: 'The explanation', schema: explanation } },
  async work(db, { params }) {
    const { rows } = await db.query<{ explanation: Explanation }>(
      'select howdah.explain_execution($1) as explanation',
      [params.id],
    );
    return { body: rows[0]?.explanation };
  },
});
