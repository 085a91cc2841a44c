import { z } from 'zod';
import { jsonRow, jsonRows } from '../../../db/queries/json-rows.ts';
import { byId, id } from '../../../resources/fields.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { type Route, route } from '../framework/route.ts';

/** Outcomes and usage of the runs of one version. */
export const performance = z.object({
  version: z.int(),
  runs: z.number(),
  completed: z.number(),
  failed: z.number(),
  success_rate: z
    .number()
    .nullable()
    .describe('The share of ended runs that succeeded, from 0 to 1'),
  steps_per_run: z.number(),
  tokens_in: z.number(),
  tokens_out: z.number(),
  cost: z.number(),
  seconds_p50: z.number().nullable(),
  seconds_p95: z.number().nullable(),
});

/**
 * Route that returns the performance of a workflow by version. No view has these numbers, because
 * the usage of deleted runs is stored only by day and workflow.
 */
export const workflowPerformance: Route = route({
  method: 'GET',
  path: '/api/workflows/{id}/performance',
  id: 'getWorkflowPerformance',
  tag: 'workflows',
  summary: 'Get statistics of the runs of a workflow, by version',
  description:
    'Tokens and cost include those of child runs; the steps are only those of the workflow itself. Deleted runs are not counted.',
  isReplicable: true,
  params: byId,
  answers: {
    200: {
      description: 'One row for each version that has run, newest first',
      schema: z.object({ workflow_id: id, workflow: z.string(), data: z.array(performance) }),
    },
  },
  async work(db, { params }) {
    const workflow = await jsonRow<{ name: string }>(
      db,
      'select w.name from howdah.workflows as w where w.id = $1 and w.deleted_at is null',
      [params.id],
    );
    if (!workflow) throw noSuch('workflow', params.id);
    const data = await jsonRows(db, BY_VERSION, [params.id]);
    return { body: { workflow_id: params.id, workflow: workflow.name, data } };
  },
});

/**
 * Query that counts like the view `agent_performance`. Steps that a fork copied, and runs that
 * compensate other runs, are no work of the version.
 */
const BY_VERSION = `
  select v.version,
    count(*) as runs,
    count(*) filter (where e.status = 'completed') as completed,
    count(*) filter (where e.status = 'failed') as failed,
    round(count(*) filter (where e.status = 'completed')
      / nullif(count(*) filter (where e.completed_at is not null), 0)::numeric, 4) as success_rate,
    round(avg(coalesce(h.step_count, e.step_count) - coalesce(e.forked_from_seq, 0)), 2) as steps_per_run,
    sum(coalesce(h.tokens_in, e.tokens_in) + e.children_tokens_in) as tokens_in,
    sum(coalesce(h.tokens_out, e.tokens_out) + e.children_tokens_out) as tokens_out,
    sum(coalesce(h.cost, e.cost) + e.children_cost) as cost,
    percentile_cont(0.5) within group (order by extract(epoch from e.completed_at - e.started_at)) as seconds_p50,
    percentile_cont(0.95) within group (order by extract(epoch from e.completed_at - e.started_at)) as seconds_p95
  from howdah.executions as e
  left join howdah_private.run_heads as h on h.execution_id = e.id
  join howdah.workflow_versions as v on v.id = e.workflow_version_id
  where e.workflow_id = $1 and e.compensates_execution_id is null
  group by v.version
  order by v.version desc`;
