import { z } from 'zod';
import { knowledgeBases } from '../../resources/definitions/knowledge-bases.ts';
import { byId, count, object } from '../../resources/fields.ts';
import { readRow } from '../../resources/operations.ts';
import { operation } from '../operation.ts';

const fit = z
  .object({
    status: z
      .enum(['pending', 'failed', 'fitted'])
      .describe(
        'pending: questions wait for their vectors, so ask again; failed: the model made none',
      ),
    questions: count.optional().describe('Questions with documents, while they wait for vectors'),
    waiting: count.optional().describe('Those of them without a vector'),
    error: object.optional().describe('Why the model made no vector'),
    weights: z
      .object({ text: z.number(), vector: z.number() })
      .optional()
      .describe('What the base has from now on as ranking.weights'),
    fitted: object
      .optional()
      .describe(
        'What justifies them: the number of questions, nDCG@10 of text, vector and hybrid, and the difference to the best of the first two with its 95 % interval',
      ),
  })
  .meta({ id: 'RankingFit' });

/** The state of a fit, or the weights that it has found. */
export type RankingFit = z.output<typeof fit>;

/** Fits the weights of words and vectors in searches of a base on questions. */
export const fitRanking = operation({
  method: 'POST',
  path: `${knowledgeBases.path}/{id}/fit-ranking`,
  id: 'fitRanking',
  tag: 'knowledge-bases',
  summary: 'Fit how much words and vectors count in searches',
  description:
    'Uses the questions of a data set, or of runs whose answers were liked and cite the base. See docs/knowledge.md.',
  permission: { object: 'knowledge_bases', action: 'manage' },
  params: byId,
  body: z.strictObject({
    dataset: z
      .string()
      .nullish()
      .describe('Name or id of the data set; by default feedback on runs is used'),
  }),
  answers: { 200: { description: 'The state, or the weights', schema: fit } },
  async work(db, { params, body }) {
    const { row } = await readRow(db, knowledgeBases, params.id);
    const { rows } = await db.query<{ fit: RankingFit }>(
      'select howdah.fit_ranking($1, $2) as fit',
      [row.name, body.dataset ?? null],
    );
    return { body: rows[0]?.fit as RankingFit };
  },
});
