import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { count, id, json, object, time } from '../fields.ts';
import { shownName } from '../references.ts';
import { resource } from '../resource.ts';
import { namesOfSubject } from '../subject-names.ts';

/** Evaluations of agents and workflows. An operation of its own starts them. */
export const evaluations = resource('evaluations', {
  path: '/api/evaluations',
  one: 'evaluation',
  writes: [],
  command: {
    noun: 'eval',
    list: [
      'id',
      'status',
      'dataset',
      'agent',
      'workflow',
      'version',
      'label',
      'model',
      'created_at',
    ],
    empty: 'No evaluations. Start one: howdah eval run DATASET --agent AGENT',
    name: 'id',
  },
  columns: {},
  readOnly: {
    dataset_id: id,
    grading_rule_id: id.nullable(),
    agent_id: id.nullable(),
    workflow_id: id.nullable(),
    version_id: id,
    version: z.int(),
    label: z.string().nullable(),
    split: z.string().nullable(),
    model: z.string().nullable(),
    overrides: object.nullable(),
    status: z.enum(enumLabels.evaluation_status),
    items: count,
    repeats: count,
    items_at: time.nullable(),
    since_at: time.nullable(),
    until_at: time.nullable(),
    totals: object,
    graders: json,
    created_by: z.string(),
    created_at: time,
    completed_at: time.nullable(),
  },
  computed: {
    ...namesOfSubject,
    dataset: shownName('datasets', 'dataset_id'),
  },
  filters: {
    dataset_id: id.optional(),
    agent_id: id.optional(),
    workflow_id: id.optional(),
    grading_rule_id: id.optional(),
  },
});
