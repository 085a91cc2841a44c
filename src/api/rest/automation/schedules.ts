import { z } from 'zod';
import { runSchedule } from '../../../db/queries/schedules.ts';
import { schedules } from '../../../resources/automation/schedules.ts';
import { byId, numberText, time } from '../../../resources/fields.ts';
import { executionSchema, findExecution } from '../../events/run-rows.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import { type Route, route } from '../framework/route.ts';

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
export const scheduleRoutes: Route[] = [times, ...resourceRoutes(schedules), run];
