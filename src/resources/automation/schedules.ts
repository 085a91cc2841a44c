import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { flag, id, json, object, optionalText, time } from '../fields.ts';
import { resource } from '../resource.ts';
import { namesOfSubject, subjectByName, withSubjectIds } from '../subject-names.ts';

const columns = {
  name: z.string(),
  cron: z.string(),
  timezone: z.string().optional(),
  agent_id: id.nullable().optional(),
  workflow_id: id.nullable().optional(),
  input: z.string(),
  input_data: json.optional(),
  metadata: object.optional(),
  session_id: id.nullable().optional(),
  priority: z.int().min(-32_768).max(32_767).optional(),
  concurrency_key: optionalText,
  overlap_policy: z.enum(enumLabels.overlap_policy).optional(),
  catchup_policy: z.enum(enumLabels.catchup_policy).optional(),
  is_active: z.boolean().optional(),
};

/** Schedules, whose agent or workflow is given by id or by name. */
export const schedules = resource('schedules', {
  path: '/api/schedules',
  one: 'schedule',
  // Workers write the times of a schedule, and a run of it is no change of the schedule.
  stamp: Object.keys(columns)
    .map((column) => `t.${column}`)
    .join(', '),
  command: {
    noun: 'admin schedules',
    list: ['id', 'name', 'runs', 'cron', 'timezone', 'is_active', 'next_at', 'last_at'],
    empty: 'No schedules. Create one: howdah admin schedules create NAME --help',
  },
  columns,
  parts: subjectByName,
  readOnly: {
    user_id: id.nullable(),
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
  examples: {
    create: {
      name: 'morning',
      cron: '0 9 * * MON-FRI',
      agent: 'support',
      input: 'Which orders are late?',
    },
    change: { cron: '0 8 * * MON-FRI' },
  },
  filters: {
    name: z.string().optional(),
    agent_id: id.optional(),
    workflow_id: id.optional(),
    is_active: flag.optional(),
  },
  aliases: { schedule_id: 'id' },
  valuesOf: withSubjectIds,
});
