import { z } from 'zod';
import type { EvaluationComparison } from '../../contracts/evaluations.ts';
import { byId, id, numberText, object } from '../../resources/fields.ts';
import { evaluations } from '../../resources/quality/evaluations.ts';
import { operation } from '../operation.ts';
import { shownEvaluation } from './evaluations.ts';

const figure = z
  .object({
    a: z.number().nullable(),
    b: z.number().nullable(),
    difference: z.number().nullable().describe('b - a'),
    low: z.number().nullable().describe('The lower end of the 95 % interval'),
    high: z.number().nullable().describe('The upper end of the 95 % interval'),
    verdict: z
      .string()
      .nullable()
      .describe('higher, lower or inside the noise; null if nothing can be compared'),
  })
  .meta({ id: 'ComparedFigure' });

const side = z.object({
  id,
  version: z.int(),
  label: z.string().nullable(),
  status: z.string(),
  totals: object,
});

const changed = z.object({
  item_id: id,
  input: z.string().nullable().describe('The beginning of the input, at most 200 characters'),
  passed_a: z.number(),
  passed_b: z.number(),
  execution_id_a: id.nullable(),
  execution_id_b: id.nullable(),
});

const comparison = z
  .object({
    a: side,
    b: side,
    is_paired: z.boolean().describe('false if one or both are of live runs: two groups'),
    has_equal_items: z.boolean(),
    has_equal_graders: z.boolean(),
    items: z.int().describe('Items that both have graded; 0 for two groups'),
    ...{ pass_rate: figure, score: figure, cost: figure, latency_ms: figure },
    slices: z.array(
      z.object({ key: z.string(), value: z.string(), items: z.int(), pass_rate: figure }),
    ),
    regressions: z.array(changed),
    improvements: z.array(changed),
  })
  .meta({ id: 'EvaluationComparison' });

/** Compares two evaluations of one data set. */
export const compareEvaluations = operation({
  method: 'GET',
  path: `${evaluations.path}/{id}/comparison`,
  id: 'compareEvaluations',
  tag: 'evaluations',
  summary: 'Compare two evaluations of one data set',
  description: 'A difference inside the noise is no difference. See docs/evaluation.md.',
  params: byId,
  query: z.strictObject({ with: id.describe('The evaluation b; the one of the path is a') }),
  isReplicable: true,
  answers: { 200: { description: 'The differences', schema: comparison } },
  async work(db, { params, query }) {
    const { rows } = await db.query<{ comparison: EvaluationComparison }>(
      'select howdah.compare_evaluations($1, $2) as comparison',
      [params.id, query.with],
    );
    return { body: rows[0]?.comparison as EvaluationComparison };
  },
});

const rate = z.number().min(0).max(1);
const failUnder = 'The least pass rate, from 0 to 1';
const noWorseThan = z
  .string()
  .optional()
  .describe('A label whose version must not be better by more than the noise');

const checked = z
  .object({
    passed: z.boolean(),
    faults: z.array(z.string()).describe('Why the evaluation does not pass; empty if it passes'),
    baseline_id: id
      .nullable()
      .describe('The evaluation of the version with the label that was compared'),
    comparison: comparison.nullable().describe('The baseline is a; null if nothing was compared'),
  })
  .meta({ id: 'EvaluationCheck' });

/** Says whether an evaluation passes a gate. */
export const checkEvaluation = operation({
  method: 'GET',
  path: `${evaluations.path}/{id}/check`,
  id: 'checkEvaluation',
  tag: 'evaluations',
  summary: 'Say whether an evaluation passes a gate',
  description:
    'Compares the evaluation with the newest one of the version with the label. A difference inside the noise is no difference. See docs/evaluation.md.',
  params: byId,
  query: z.strictObject({
    fail_under: numberText(rate).optional().describe(failUnder),
    no_worse_than: noWorseThan,
  }),
  answers: { 200: { description: 'The faults', schema: checked } },
  async work(db, { params, query }) {
    const { rows } = await db.query<{ check: z.output<typeof checked> }>(
      'select howdah.check_evaluation($1, $2, $3) as check',
      [params.id, query.fail_under ?? null, query.no_worse_than ?? null],
    );
    return { body: rows[0]?.check as z.output<typeof checked> };
  },
});

/** Labels the version of an evaluation, so that runs of the label use it. */
export const promoteEvaluation = operation({
  method: 'POST',
  path: `${evaluations.path}/{id}/promote`,
  id: 'promoteEvaluation',
  tag: 'evaluations',
  summary: 'Label the version of an evaluation',
  description:
    'Refused for an evaluation that has not completed or had overrides, and if it does not pass the gate. See docs/evaluation.md.',
  params: byId,
  permission: { object: 'version_labels', action: 'edit' },
  body: z.strictObject({
    label: z.string().describe('The label, such as production'),
    fail_under: rate.optional().describe(failUnder),
    no_worse_than: noWorseThan,
  }),
  answers: { 200: { description: 'The evaluation', schema: evaluations.row } },
  async work(db, { params, body }) {
    await db.query('select howdah.promote_evaluation($1, $2, $3, $4)', [
      ...[params.id, body.label, body.fail_under ?? null, body.no_worse_than ?? null],
    ]);
    return shownEvaluation(db, params.id);
  },
});
