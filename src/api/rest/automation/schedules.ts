import { z } from 'zod';
import { runSchedule } from '../../../operations/automation/schedules.ts';
import { schedules } from '../../../resources/automation/schedules.ts';
import { numberText, time } from '../../../resources/fields.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import { type Route, route } from '../framework/route.ts';

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
export const scheduleRoutes: Route[] = [times, ...resourceRoutes(schedules), runSchedule];
