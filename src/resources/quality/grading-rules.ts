import { z } from 'zod';
import { count, flag, id, names, object, time } from '../fields.ts';
import { resource } from '../resource.ts';
import { namesOfSubject, subjectByName, withSubjectIds } from '../subject-names.ts';

const columns = {
  name: z.string(),
  dataset_id: id,
  graders: names.nullable().optional(),
  agent_id: id.nullable().optional(),
  workflow_id: id.nullable().optional(),
  sample: z.int32().optional(),
  interval_seconds: z.int32().optional(),
  delay_seconds: z.int32().optional(),
  is_active: z.boolean().optional(),
};

/**
 * Rules that grade a sample of live runs, always. The agent or workflow is given by id or by name.
 */
export const gradingRules = resource('grading_rules', {
  path: '/api/grading-rules',
  one: 'grading rule',
  // Workers write the times and the error of a rule, which are no change of it.
  stamp: Object.keys(columns)
    .map((column) => `t.${column}`)
    .join(', '),
  command: {
    noun: 'dev grading-rules',
    list: [
      'id',
      'name',
      'grades',
      'sample',
      'interval_seconds',
      'is_active',
      'next_at',
      'last_error',
    ],
    empty: 'No grading rules. Create one: howdah dev grading-rules create NAME --help',
    group: 'Agents',
    summary: 'manage the rules that grade live runs',
  },
  columns,
  parts: subjectByName,
  readOnly: {
    next_at: time.nullable(),
    last_at: time.nullable(),
    graded_until_at: time.nullable(),
    last_error: object.nullable(),
    created_at: time,
    updated_at: time,
  },
  computed: {
    grades: {
      sql: `coalesce(${namesOfSubject.agent.sql}, ${namesOfSubject.workflow.sql})`,
      schema: z
        .string()
        .nullable()
        .describe('The name of the agent or workflow whose runs it grades'),
    },
    evaluations: {
      sql: `(select count(*) from howdah.evaluations as e
        where e.tenant_id = t.tenant_id and e.grading_rule_id = t.id)`,
      schema: count.describe('The number of evaluations that it has started'),
    },
  },
  examples: {
    create: {
      name: 'reopened',
      dataset: 'sums',
      agent: 'support',
      sample: 50,
      interval_seconds: 86_400,
      delay_seconds: 604_800,
    },
    change: { sample: 200 },
  },
  filters: {
    name: z.string().optional(),
    dataset_id: id.optional(),
    agent_id: id.optional(),
    workflow_id: id.optional(),
    is_active: flag.optional(),
  },
  valuesOf: withSubjectIds,
});
