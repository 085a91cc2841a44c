import { z } from 'zod';
import { equalTo } from '../equal-to.ts';
import { count, flag, id, object, time } from '../fields.ts';
import { RequestRefusal } from '../request-refusal.ts';
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
    item_id: id.nullable(),
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
    cached_answers: count,
    confidence: z.number().nullable(),
    graded_at: time.nullable(),
  },
  filters: {
    evaluation_id: id.optional(),
    item_id: id.optional(),
    execution_id: id.optional(),
    passed: flag.optional().describe('Whether the result passed, within an evaluation'),
  },
  conditions(query) {
    // results of all evaluations have no index by this column
    if (query.passed !== undefined && query.evaluation_id === undefined) {
      throw new RequestRefusal(400, 'passed needs evaluation_id', {
        hint: 'Name the evaluation of the results as well.',
        detail: { field: 'passed' },
      });
    }
    return equalTo(query);
  },
});
