import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { byName, times } from '../definitions/columns.ts';
import { id, object } from '../fields.ts';
import { shownName } from '../references.ts';
import { resource } from '../resource.ts';

/** How results of evaluations are graded. */
export const graders = resource('graders', {
  path: '/api/graders',
  one: 'grader',
  command: {
    noun: 'dev graders',
    list: ['id', 'name', 'dataset', 'kind', 'configuration', 'weight', 'pass_score'],
    empty: 'No graders. Create one: howdah dev graders create NAME --kind exact',
    group: 'Agents',
    summary: 'manage the graders of evaluations',
  },
  columns: {
    name: z.string(),
    kind: z.enum(enumLabels.grader_kind),
    dataset_id: id.nullable().optional(),
    configuration: object.optional(),
    weight: z.number().optional(),
    pass_score: z.number().optional(),
  },
  readOnly: times,
  computed: { dataset: shownName('datasets', 'dataset_id') },
  examples: {
    create: { name: 'total', kind: 'numeric', configuration: { tolerance: 0.01 } },
    change: { weight: 2 },
  },
  filters: { ...byName, dataset_id: id.optional() },
});
