import { schedules } from '../../resources/automation/schedules.ts';
import { byId } from '../../resources/fields.ts';
import { operation } from '../operation.ts';
import { executionSchema, findExecution } from '../runs/run-rows.ts';

/** Starts a run of a schedule outside of its times. */
export const runSchedule = operation({
  method: 'POST',
  path: `${schedules.path}/{id}/run`,
  id: 'runSchedule',
  tag: 'schedules',
  summary: 'Start a run of a schedule now, in addition to its times',
  description: 'A paused schedule runs too. The times of the schedule do not change.',
  params: byId,
  isKeyed: true,
  answers: { 201: { description: 'The new run', schema: executionSchema } },
  async work(db, { params }) {
    const { rows } = await db.query<{ id: string }>(
      'select (howdah.run_schedule($1)).id::uuid as id',
      [params.id],
    );
    const run = await findExecution(db, rows[0]?.id ?? '');
    return { status: 201, headers: { location: `/api/executions/${run.id}` }, body: run };
  },
});
