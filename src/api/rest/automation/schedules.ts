import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { runSchedule } from '../../../db/queries/schedules.ts';
import { executionSchema, findExecution } from '../../events/run-rows.ts';
import { byId, flag, id, json, numberText, object, optionalText, time } from '../../http/fields.ts';
import { createResource } from '../definitions/definitions.ts';
import { namesOfSubject, subjectByName, withSubjectIds } from '../definitions/subject-names.ts';
import { crudRoutes } from '../framework/crud-resource.ts';
import { type Route, route } from '../framework/route.ts';

const columns = {
  name: z.string().describe('Unique among the schedules of the tenant'),
  cron: z.string().describe('The times, such as 0 9 * * MON-FRI or @daily; see docs/schedules.md'),
  timezone: z.string().optional().describe('The time zone of the times, such as Europe/Berlin'),
  agent_id: id.nullable().optional(),
  workflow_id: id.nullable().optional(),
  input: z.string().describe('The input of each run'),
  input_data: json.optional(),
  metadata: object.optional(),
  session_id: id.nullable().optional().describe('The session that the runs belong to'),
  priority: z.int().min(-32_768).max(32_767).optional().describe('Smaller first'),
  concurrency_key: optionalText,
  overlap_policy: z
    .enum(enumLabels.overlap_policy)
    .optional()
    .describe('What happens while the last run has not ended'),
  catchup_policy: z
    .enum(enumLabels.catchup_policy)
    .optional()
    .describe('Which of the times missed during downtime are run'),
  is_active: z.boolean().optional().describe('False pauses the schedule'),
};

/** Schedules, whose agent or workflow is given by id or by name. */
const schedules = createResource({
  path: '/api/schedules',
  one: 'schedule',
  table: 'schedules',
  name: 'Schedule',
  // Workers write the times of a schedule, and a run of it is no change of the schedule.
  stamp: Object.keys(columns)
    .map((column) => `t.${column}`)
    .join(', '),
  columns,
  more: subjectByName,
  readOnly: {
    user_id: id.nullable().describe('The user that the runs act for'),
    next_at: time.nullable(),
    retry_at: time.nullable(),
    last_at: time.nullable(),
    last_execution_id: id.nullable(),
    last_error: object.nullable(),
    created_at: time,
    updated_at: time,
  },
  computed: {
    runs: {
      sql: `coalesce(${namesOfSubject.agent.sql}, ${namesOfSubject.workflow.sql})`,
      schema: z.string().nullable().describe('The name of the agent or workflow that it runs'),
    },
  },
  filters: {
    name: z.string().optional(),
    agent_id: id.optional(),
    workflow_id: id.optional(),
    is_active: flag.optional(),
  },
  fieldAliases: { schedule_id: 'id' },
  valuesOf: withSubjectIds,
});

const run = route({
  method: 'POST',
  path: '/api/schedules/{id}/run',
  id: 'runSchedule',
  tag: 'schedules',
  summary: 'Start a run of a schedule now, in addition to its times',
  description: 'A paused schedule runs too. The times of the schedule do not change.',
  params: byId,
  isKeyed: true,
  answers: { 201: { description: 'The new run', schema: executionSchema } },
  async work(db, { params }) {
    const made = await runSchedule(db, params.id);
    return {
      status: 201,
      headers: { location: `/api/executions/${made.id}` },
      body: await findExecution(db, made.id),
    };
  },
});

const times = route({
  method: 'GET',
  path: '/api/schedules/times',
  id: 'listScheduleTimes',
  tag: 'schedules',
  summary: 'List the next times of a cron expression, to check it before it is used',
  isReplicable: true,
  query: z.strictObject({
    cron: z.string().default('@daily').describe('The cron expression; @daily by default'),
    timezone: z.string().default('UTC'),
    after: time.optional().describe('Only times after this one; now by default'),
    count: numberText(z.int32().default(5)).describe('The number of times, at most 1000'),
  }),
  answers: {
    200: { description: 'The times', schema: z.object({ data: z.array(time) }) },
  },
  async work(db, { query: { cron, timezone, after, count } }) {
    const { rows } = await db.query<{ data: unknown }>(
      `select coalesce(to_jsonb(array_agg(x.at order by x.at)), '[]') as data
       from howdah.schedule_times($1, $2, coalesce($3::timestamptz, now()), $4) as x (at)`,
      [cron, timezone, after ?? null, count],
    );
    return { body: { data: rows[0]?.data } };
  },
});

/** Routes of schedules, which start runs at set times. */
export const scheduleRoutes: Route[] = [times, ...crudRoutes(schedules), run];
