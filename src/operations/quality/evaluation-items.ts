import { z } from 'zod';
import { jsonRows } from '../../db/queries/json-rows.ts';
import { byId, id, json } from '../../resources/fields.ts';
import { readRow } from '../../resources/operations.ts';
import { evaluations } from '../../resources/quality/evaluations.ts';
import { operation } from '../operation.ts';

const figure = z.number().nullable();
/** The number of items of an answer by default, and the most. */
const DEFAULT_ITEMS = 100;
const MAX_ITEMS = 10_000;

const item = z
  .object({
    item_id: id,
    input: z.string(),
    input_data: json,
    expected: json,
    split: z.string().nullable(),
    runs: z.int(),
    graded: z.int().describe('Runs that passed or failed'),
    passed: z.int(),
    pass_rate: figure,
    flakiness: figure.describe('Probability that two runs of the item differ; null without two'),
    score: figure.describe('Mean score'),
    score_deviation: figure.describe('Standard deviation of the scores; null without two'),
    cost: figure.describe('Mean cost of a run'),
    latency_ms: figure.describe('Mean duration of a run'),
    confidence: figure.describe('Mean confidence that the answers state; null without'),
  })
  .meta({ id: 'EvaluationItem' });

/** An item of an evaluation with the figures of its repeats. */
export type EvaluationItem = z.output<typeof item>;

/** Lists the items of an evaluation, the flakiest first. */
export const listEvaluationItems = operation({
  method: 'GET',
  path: `${evaluations.path}/{id}/items`,
  id: 'listEvaluationItems',
  tag: 'evaluations',
  summary: 'List the items of an evaluation with the figures of their repeats',
  description:
    'The flakiest items first, then those that passed least often. See docs/evaluation.md.',
  isReplicable: true,
  params: byId,
  query: z.strictObject({
    limit: z.coerce.number().int().min(1).max(MAX_ITEMS).default(DEFAULT_ITEMS),
  }),
  answers: {
    200: { description: 'The items', schema: z.object({ data: z.array(item) }) },
  },
  async work(db, { params, query }) {
    await readRow(db, evaluations, params.id);
    const data = await jsonRows<EvaluationItem>(
      db,
      `select i.item_id, i.input, i.input_data, i.expected, i.split, i.runs, i.graded, i.passed,
         i.pass_rate, i.flakiness, i.score, i.score_deviation, i.cost, i.latency_ms, i.confidence
       from howdah.evaluation_items as i where i.evaluation_id = $1
       order by i.flakiness desc nulls last, i.pass_rate nulls last, i.item_id limit $2`,
      [params.id, query.limit],
    );
    return { body: { data } };
  },
});
