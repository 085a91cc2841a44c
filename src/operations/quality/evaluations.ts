import { z } from 'zod';
import type { enumLabels } from '../../contracts/enum-labels.generated.ts';
import type { EvaluationTotals } from '../../contracts/evaluations.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { storableJson } from '../../json/storable-json.ts';
import { byId, id, names, object, time } from '../../resources/fields.ts';
import { readRow } from '../../resources/operations.ts';
import { evaluations } from '../../resources/quality/evaluations.ts';
import { type Answer, operation, shownRow } from '../operation.ts';

/** An evaluation as it is shown. */
export type Evaluation = {
  id: string;
  dataset_id: string;
  agent_id: string | null;
  workflow_id: string | null;
  /** The names of the agent and the workflow. */
  agent?: string | null;
  workflow?: string | null;
  version: number;
  /** The model that replaces that of the agent. */
  model?: string | null;
  label: string | null;
  status: (typeof enumLabels.evaluation_status)[number];
  items: number;
  repeats: number;
  /** The time since which runs that exist are graded; null: the runs are those of items. */
  since_at: string | null;
  /** The time whose items are evaluated; null: those of the start. */
  items_at: string | null;
  created_at: string;
  totals: EvaluationTotals;
  [name: string]: unknown;
};

/** Reads an evaluation as it is shown. */
export async function shownEvaluation(
  db: Queryable,
  evaluationId: string,
): Promise<Answer<Evaluation>> {
  const answer = shownRow(evaluations, await readRow(db, evaluations, evaluationId));
  return answer as unknown as Answer<Evaluation>;
}

async function createdEvaluation(db: Queryable, evaluationId: string): Promise<Answer<Evaluation>> {
  return {
    ...(await shownEvaluation(db, evaluationId)),
    status: 201,
    headers: { location: `${evaluations.path}/${evaluationId}` },
  };
}

/** Fields that name the data set, and the version that is evaluated. */
const subject = {
  dataset: z.string().describe('Name or id of the data set'),
  agent: z.string().optional().describe('Name of the agent'),
  workflow: z.string().optional().describe('Name of the workflow, in place of an agent'),
  version: z
    .string()
    .optional()
    .describe('Number or label of a version; the current one by default'),
};

/** Starts an evaluation. */
export const startEvaluation = operation({
  method: 'POST',
  path: evaluations.path,
  id: 'evaluate',
  tag: 'evaluations',
  summary: 'Start an evaluation',
  description:
    'Starts a run for each item of the data set, repeat times, and grades the runs when they end. See docs/evaluation.md.',
  isKeyed: true,
  permission: { object: 'executions', action: 'run' },
  body: z.strictObject({
    ...subject,
    repeat: z.int32().optional().describe('Runs of each item, from 1 to 100; 1 by default'),
    split: z.string().optional().describe('The split of the data set; all items by default'),
    model: z.string().optional().describe('Name of another model for these runs'),
    overrides: object.optional().describe('Overrides of these runs'),
    graders: names.optional().describe('Names of the graders; those of the data set by default'),
    priority: z.int32().optional().describe('Priority of the runs; 10 by default'),
    reuse: z
      .boolean()
      .optional()
      .describe('Return the newest completed evaluation that would be equal, if there is one'),
    items_at: time.optional().describe('Evaluate the items that the data set had at this time'),
  }),
  answers: { 201: { description: 'The evaluation', schema: evaluations.row } },
  async work(db, { body }) {
    const { rows } = await db.query<{ id: string }>(
      `select (howdah.evaluate($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)).id`,
      [
        ...[body.dataset, body.agent, body.workflow, body.version, body.repeat, body.split],
        ...[body.model, body.overrides && storableJson(body.overrides), body.graders],
        ...[body.priority, body.reuse, body.items_at],
      ].map((value) => value ?? null),
    );
    return createdEvaluation(db, rows[0]?.id ?? '');
  },
});

/** Grades runs that exist. */
export const gradeRuns = operation({
  method: 'POST',
  path: `${evaluations.path}/runs`,
  id: 'evaluateRuns',
  tag: 'evaluations',
  summary: 'Grade a sample of the runs of an agent',
  description:
    'Grades root runs of one version that have ended and that no evaluation has graded, by graders that need no item. Repeats no run. See docs/evaluation.md.',
  isKeyed: true,
  permission: { object: 'executions', action: 'run' },
  body: z.strictObject({
    ...subject,
    since: time.optional().describe('Runs created since this time; a day before until by default'),
    until: time.optional().describe('Runs created before this time; now by default'),
    sample: z.int32().optional().describe('The most runs, from 1 to 10000; 100 by default'),
    graders: names
      .optional()
      .describe('Names of the graders; those of the data set that need no item by default'),
  }),
  answers: { 201: { description: 'The evaluation', schema: evaluations.row } },
  async work(db, { body }) {
    const { rows } = await db.query<{ id: string }>(
      'select (howdah.evaluate_runs($1, $2, $3, $4, $5, $6, $7, $8)).id',
      [
        ...[body.dataset, body.agent, body.workflow, body.version, body.since, body.until],
        ...[body.sample ?? 100, body.graders],
      ].map((value) => value ?? null),
    );
    return createdEvaluation(db, rows[0]?.id ?? '');
  },
});

/** Cancels an evaluation with its live runs. */
export const cancelEvaluation = operation({
  method: 'POST',
  path: `${evaluations.path}/{id}/cancel`,
  id: 'cancelEvaluation',
  tag: 'evaluations',
  summary: 'Cancel an evaluation and its live runs',
  params: byId,
  permission: { object: 'executions', action: 'run' },
  answers: { 200: { description: 'The evaluation', schema: evaluations.row } },
  async work(db, { params }) {
    await db.query('select howdah.cancel_evaluation($1)', [params.id]);
    return shownEvaluation(db, params.id);
  },
});

const gradedAgain = z
  .object({
    evaluation_id: id,
    results: z.int().describe('Results that are graded again; 0 if none was not graded'),
  })
  .meta({ id: 'GradedAgain' });

/** Grades results again whose judge or embedding model failed. */
export const gradeAgain = operation({
  method: 'POST',
  path: `${evaluations.path}/{id}/grade-again`,
  id: 'gradeAgain',
  tag: 'evaluations',
  summary: 'Grade results again whose judge failed',
  description:
    'Asks failed judges anew, and keeps all scores that exist. The evaluation runs until the results are graded. See docs/evaluation.md.',
  params: byId,
  permission: { object: 'executions', action: 'run' },
  answers: { 200: { description: 'The number of results', schema: gradedAgain } },
  async work(db, { params }) {
    const { rows } = await db.query<{ results: number }>(
      'select howdah.grade_again($1) as results',
      [params.id],
    );
    return { body: { evaluation_id: params.id, results: rows[0]?.results ?? 0 } };
  },
});
