import { z } from 'zod';
import { count, id, object, time } from '../fields.ts';
import { resource } from '../resource.ts';

/** Results of evaluations, a row for each run of an item. Workers write them. */
export const evaluationResults = resource('evaluation_results', {
  path: '/api/evaluation-results',
  one: 'result',
  isLarge: true,
  writes: [],
  columns: {},
  readOnly: {
    evaluation_id: id,
    item_id: id,
    execution_id: id.nullable(),
    repeat: z.int(),
    passed: z.boolean().nullable(),
    score: z.number().nullable(),
    scores: object,
    error: object.nullable(),
    tokens: count.nullable(),
    cost: z.number().nullable(),
    grading_cost: z.number().nullable(),
    latency_ms: z.number().nullable(),
    graded_at: time.nullable(),
  },
  filters: {
    evaluation_id: id.optional(),
    item_id: id.optional(),
    execution_id: id.optional(),
  },
});
