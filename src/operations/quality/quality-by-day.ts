import { z } from 'zod';
import { jsonRows } from '../../db/queries/json-rows.ts';
import { id } from '../../resources/fields.ts';
import { operation } from '../operation.ts';

const day = z.iso.date('must be a day, such as 2026-11-01');
const figure = z.number().nullable();
/** The most rows of an answer. */
const MAX_ROWS = 5_000;

/** Whether the runs were started for items, or exist without an evaluation. */
export const SOURCES = ['items', 'runs'] as const;

const quality = z
  .object({
    day: z.string().describe('The day in UTC on which the runs were inserted'),
    dataset_id: id,
    dataset: z.string(),
    agent_id: id.nullable(),
    agent: z.string().nullable(),
    workflow_id: id.nullable(),
    workflow: z.string().nullable(),
    version: z.int(),
    split: z.string().nullable().describe('The split of the data set; null for all items'),
    source: z.enum(SOURCES).describe('Runs of items, or runs that exist'),
    grader: z.string().nullable().describe('null for whole results, which pass all graders'),
    results: z.int().describe('Results that passed or failed, or scores of the grader'),
    passed: z.int(),
    pass_rate: z.number(),
    pass_rate_low: figure.describe('The lower end of its 95 % interval'),
    pass_rate_high: figure.describe('The upper end of its 95 % interval'),
    score: figure.describe('Mean score'),
    cost: z.number().describe('Cost of the runs; of the judges in a row of a grader'),
    cost_per_pass: figure.describe('Cost per passed result; null if none passed'),
  })
  .meta({ id: 'QualityOfDay' });

/** The graded results of a version on a day. */
export type QualityOfDay = z.output<typeof quality>;

/** Filters of a request, each with its condition. */
const CONDITIONS = {
  dataset_id: 'q.dataset_id = ?',
  agent_id: 'q.agent_id = ?',
  workflow_id: 'q.workflow_id = ?',
  source: 'q.source = ?',
} as const;

/** Lists the quality of versions by day. */
export const listQualityByDay = operation({
  method: 'GET',
  path: '/api/quality-by-day',
  id: 'listQualityByDay',
  tag: 'evaluations',
  summary: 'List the quality of versions by day',
  description:
    'Results of evaluations per day, data set, version and grader, in the order of days. Without evaluations that had overrides. See docs/evaluation.md.',
  isReplicable: true,
  query: z.strictObject({
    dataset_id: id.optional().describe('Results of this data set'),
    agent_id: id.optional().describe('Results of this agent'),
    workflow_id: id.optional().describe('Results of this workflow'),
    source: z.enum(SOURCES).optional().describe('Runs of items, or runs that exist'),
    grader: z
      .string()
      .optional()
      .describe(
        'Scores of this grader, or * for those of each beside whole results; whole results by default',
      ),
    since: day.optional().describe('The first day in UTC; by default 29 days before the last one'),
    until: day.optional().describe('The last day in UTC; today by default'),
  }),
  answers: {
    200: {
      description: `At most ${MAX_ROWS} rows, those of the last days`,
      schema: z.object({ data: z.array(quality) }),
    },
  },
  async work(db, { query }) {
    const { since, until, grader } = query;
    const values: (string | null)[] = [since ?? null, until ?? null];
    const conditions = Object.entries(CONDITIONS).flatMap(([name, condition]) => {
      const value = query[name as keyof typeof CONDITIONS];
      if (value === undefined) return [];
      return condition.replace('?', `$${values.push(value)}`);
    });
    if (grader === undefined) conditions.push('q.grader is null');
    else if (grader !== '*') conditions.push(`q.grader = $${values.push(grader)}`);
    const rows = await jsonRows<QualityOfDay>(
      db,
      `select q.day, q.dataset_id, q.dataset, q.agent_id, q.agent, q.workflow_id, q.workflow,
         q.version, q.split, q.source, q.grader, q.results, q.passed, q.pass_rate, q.pass_rate_low,
         q.pass_rate_high, q.score, q.cost, q.cost_per_pass
       from howdah.quality_by_day as q
       where q.tenant_id = howdah.current_tenant()
         and q.day >= coalesce($1::date,
           least($2::date, (now() at time zone 'UTC')::date) - 29)
         and q.day <= coalesce($2::date, 'infinity')
         ${conditions.map((condition) => `and ${condition}`).join(' ')}
       order by q.day desc, q.dataset desc, q.version, q.source desc, q.split desc,
         q.grader desc nulls last
       limit ${MAX_ROWS}`,
      values,
    );
    return { body: { data: rows.reverse() } };
  },
});
