import { z } from 'zod';
import { byId, id, json, numberText } from '../../resources/fields.ts';
import { evaluations } from '../../resources/quality/evaluations.ts';
import { operation } from '../operation.ts';

const agreement = z
  .object({
    grader: z.string().nullable().describe('The grader; null for the whole results'),
    results: z.int().describe('Results that both graded'),
    people: z.int().describe('Most people who graded one result'),
    agreement: z.number().describe('Share of results on which both agree whether they passed'),
    kappa: z.number().nullable().describe("Cohen's kappa: 1 is perfect, 0 is chance"),
    kappa_low: z.number().nullable().describe('The lower end of its 95 % interval'),
    kappa_high: z.number().nullable().describe('The upper end of its 95 % interval'),
    mean_difference: z.number().describe('Mean score of the grader minus that of people'),
    low: z.number().nullable().describe('The lower end of the interval of mean_difference'),
    high: z.number().nullable().describe('The upper end of the interval of mean_difference'),
    verdict: z.string().nullable().describe('higher, lower or inside the noise'),
    length_bias: z
      .number()
      .nullable()
      .describe('Correlation of that difference with the length of the answer'),
    length_low: z.number().nullable().describe('The lower end of its 95 % interval'),
    length_high: z.number().nullable().describe('The upper end of its 95 % interval'),
    length_verdict: z.string().nullable().describe('higher, lower or inside the noise'),
    position_bias: z
      .number()
      .nullable()
      .describe('Mean difference with the examples of the judge in order minus that in reverse'),
    position_low: z.number().nullable().describe('The lower end of its 95 % interval'),
    position_high: z.number().nullable().describe('The upper end of its 95 % interval'),
    position_verdict: z.string().nullable().describe('higher, lower or inside the noise'),
    calibration_error: z
      .number()
      .nullable()
      .describe('How far the scores are from the share of results that people pass'),
  })
  .meta({ id: 'GraderAgreement' });

const disagreement = z
  .object({
    evaluation_result_id: id,
    item_id: id.nullable(),
    execution_id: id.nullable(),
    person_score: z.number(),
    grader_score: z.number(),
    detail: z.string().nullable().describe('What the grader said'),
    comments: z.array(z.string()).describe('What people said'),
  })
  .meta({ id: 'GraderDisagreement' });

const rubricExample = z
  .object({
    output: json.describe('The answer'),
    score: z.number().describe('The mean score of people, on the scale of the judge'),
    reason: z.string().describe('What people said'),
    item_id: id,
  })
  .meta({ id: 'RubricExample' });

/** How far a grader agrees with people. */
export type GraderAgreement = z.output<typeof agreement>;
/** A result on which a grader and people disagree. */
export type GraderDisagreement = z.output<typeof disagreement>;

const passScore = {
  pass_score: numberText(z.number().min(0).max(1).default(0.5)).describe(
    'The least score of people that counts as passed',
  ),
};

/** Compares the graders of an evaluation with people. */
export const graderAgreement = operation({
  method: 'GET',
  path: `${evaluations.path}/{id}/agreement`,
  id: 'graderAgreement',
  tag: 'evaluations',
  summary: 'Compare the graders of an evaluation with people',
  description:
    'One row for each grader, and one for the whole results. Empty until people have graded. See docs/evaluation.md.',
  params: byId,
  query: z.strictObject(passScore),
  isReplicable: true,
  answers: {
    200: { description: 'The figures', schema: z.object({ data: z.array(agreement) }) },
  },
  async work(db, { params, query }) {
    const { rows } = await db.query<GraderAgreement>(
      'select a.* from howdah.grader_agreement($1, $2) as a',
      [params.id, query.pass_score],
    );
    return { body: { data: rows } };
  },
});

/** Lists results on which a grader and people disagree. */
export const graderDisagreements = operation({
  method: 'GET',
  path: `${evaluations.path}/{id}/disagreements`,
  id: 'graderDisagreements',
  tag: 'evaluations',
  summary: 'List results on which a grader and people disagree',
  description: 'At most 100, those whose scores differ most first. See docs/evaluation.md.',
  params: byId,
  query: z.strictObject({
    grader: z.string().optional().describe('The grader; the whole results by default'),
    ...passScore,
  }),
  isReplicable: true,
  answers: {
    200: { description: 'The results', schema: z.object({ data: z.array(disagreement) }) },
  },
  async work(db, { params, query }) {
    const { rows } = await db.query<GraderDisagreement>(
      'select d.* from howdah.grader_disagreements($1, $2, $3) as d',
      [params.id, query.grader ?? null, query.pass_score],
    );
    return { body: { data: rows } };
  },
});

/** Proposes examples for a judge from what people said. */
export const rubricExamples = operation({
  method: 'GET',
  path: `${evaluations.path}/{id}/rubric-examples`,
  id: 'rubricExamples',
  tag: 'evaluations',
  summary: 'Propose examples for a judge from what people said',
  description:
    'Answers that people graded with a comment, spread over their scores. Put them into configuration.examples of the grader. See docs/evaluation.md.',
  params: byId,
  query: z.strictObject({
    grader: z.string().describe('The grader of kind rubric'),
    examples: numberText(z.int().min(1).max(20).default(4)).describe('The most examples'),
  }),
  isReplicable: true,
  answers: {
    200: { description: 'The examples', schema: z.object({ data: z.array(rubricExample) }) },
  },
  async work(db, { params, query }) {
    const { rows } = await db.query<{ examples: z.output<typeof rubricExample>[] }>(
      'select howdah.rubric_examples($1, $2, $3) as examples',
      [params.id, query.grader, query.examples],
    );
    return { body: { data: rows[0]?.examples ?? [] } };
  },
});
