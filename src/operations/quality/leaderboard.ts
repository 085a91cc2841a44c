import { z } from 'zod';
import { byId, id, object } from '../../resources/fields.ts';
import { datasets } from '../../resources/quality/datasets.ts';
import { operation } from '../operation.ts';

const figure = z.number().nullable();

/** The measures by which contenders are ranked. */
export const MEASURES = ['score', 'cost', 'latency_ms', 'flakiness', 'brier_score'] as const;

const contender = z
  .object({
    rank: z.int().describe('Rank by strength; equal strengths have equal ranks'),
    evaluation_id: id.describe('The newest completed evaluation of the contender'),
    name: z.string().nullable().describe('Name of the agent or workflow'),
    agent_id: id.nullable(),
    workflow_id: id.nullable(),
    version: z.int(),
    label: z.string().nullable().describe('Label by which the version was named'),
    model: z
      .string()
      .nullable()
      .describe('Model of the runs; null for a workflow without override'),
    overrides: object.nullable().describe('Overrides of the runs, such as the model'),
    items: z.int().describe('Graded items'),
    ungraded_items: z.int().describe('Items without a grade: their runs or judges were cancelled'),
    repeats: z.int(),
    pass_rate: z.number(),
    pass_rate_low: figure.describe('The lower end of its 95 % interval'),
    pass_rate_high: figure.describe('The upper end of its 95 % interval'),
    score: figure.describe('Mean score'),
    cost: figure.describe('Mean cost of a run'),
    cost_per_pass: figure.describe('Cost per passed run; null if nothing passed'),
    latency_ms: figure.describe('Mean latency'),
    flakiness: figure.describe('Probability that two repeats of an item differ; null without them'),
    flaky_items: z.int().describe('Items that passed in some of their runs'),
    strength: figure.describe('Strength of Bradley and Terry; null for a single contender'),
    difference: figure.describe('Mean of the measure minus that of the first row'),
    difference_low: figure.describe('The lower end of its 95 % interval'),
    difference_high: figure.describe('The upper end of its 95 % interval'),
    verdict: z
      .string()
      .nullable()
      .describe('higher, lower or inside the noise, against the first row'),
    is_on_front: z
      .boolean()
      .nullable()
      .describe('No other has its score at less cost or time, or a higher one at no more'),
    confidence: figure.describe('Mean confidence that answers state; null without'),
    calibration_error: figure.describe('How far confidences are from the share that passed'),
    brier_score: figure.describe('Mean of (confidence - passed)²; 0 is perfect'),
  })
  .meta({ id: 'Contender' });

/** An agent or workflow, version and overrides of a leaderboard. */
export type Contender = z.output<typeof contender>;

/** Ranks what was evaluated on a data set. */
export const leaderboard = operation({
  method: 'GET',
  path: `${datasets.path}/{id}/leaderboard`,
  id: 'leaderboard',
  tag: 'datasets',
  summary: 'Rank what was evaluated on a data set',
  description:
    'The newest completed evaluation of each agent or workflow, version and overrides, with the items and graders of the newest one. See docs/evaluation.md.',
  params: byId,
  query: z.strictObject({
    split: z.string().optional().describe('Evaluations of this split; of all items by default'),
    measure: z.enum(MEASURES).default('score').describe('The measure by which they are ranked'),
  }),
  isReplicable: true,
  answers: {
    200: { description: 'The contenders', schema: z.object({ data: z.array(contender) }) },
  },
  async work(db, { params, query }) {
    const { rows } = await db.query<Contender>(
      'select l.* from howdah.leaderboard($1, $2, $3) as l',
      [params.id, query.split ?? null, query.measure],
    );
    return { body: { data: rows } };
  },
});
