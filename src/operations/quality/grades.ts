import { z } from 'zod';
import type { Queryable } from '../../db/connection/pool.ts';
import { id, json, names, numberText } from '../../resources/fields.ts';
import { readRow } from '../../resources/operations.ts';
import { evaluations } from '../../resources/quality/evaluations.ts';
import { grades } from '../../resources/quality/grades.ts';
import { operation, shownRow } from '../operation.ts';

const queued = z
  .object({
    evaluation_result_id: id,
    evaluation_id: id,
    item_id: id.nullable(),
    input: z.string(),
    input_data: json,
    input_parts: json,
    history: json,
    expected: json,
    output: z.string().nullable(),
    output_data: json,
    graders: names.describe('The graders of the evaluation, each of which may be graded for'),
  })
  .meta({ id: 'QueuedGrade' });

const queue = z.object({
  data: z.array(queued),
  remaining: z
    .int()
    .nullable()
    .describe(
      'Results that you have not graded, with those that are shown; null for all evaluations',
    ),
});

/** A result that a person has not graded. */
export type QueuedGrade = z.output<typeof queued>;

/** Lists results that the caller has not graded. */
export const listGradeQueue = operation({
  method: 'GET',
  path: '/api/grade-queue',
  id: 'listGradeQueue',
  tag: 'grades',
  summary: 'List results of evaluations that you have not graded',
  description:
    'Shows neither the scores of graders nor those of other people. The order is another one for each person. See docs/evaluation.md.',
  query: z.strictObject({
    evaluation_id: id.optional().describe('The evaluation; all of them by default'),
    limit: numberText(
      z.int('must be a whole number from 1 to 100').min(1).max(100).default(20),
    ).describe('The number of results'),
  }),
  answers: { 200: { description: 'The next results', schema: queue } },
  async work(db, { query }) {
    const { evaluation_id, limit } = query;
    if (evaluation_id !== undefined) await readRow(db, evaluations, evaluation_id);
    const { rows: data } = await db.query<QueuedGrade>(
      `select q.evaluation_result_id, q.evaluation_id, q.item_id, q.input, q.input_data,
         q.input_parts, q.history, q.expected, q.output, q.output_data, q.graders
       from howdah.grade_queue as q
       ${evaluation_id === undefined ? '' : 'where q.evaluation_id = $2'} order by q.place limit $1`,
      [limit, ...(evaluation_id === undefined ? [] : [evaluation_id])],
    );
    const remaining = evaluation_id === undefined ? null : await countQueue(db, evaluation_id);
    return { body: { data, remaining } };
  },
});

async function countQueue(db: Queryable, evaluationId: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    'select count(*)::int as count from howdah.grade_queue as q where q.evaluation_id = $1',
    [evaluationId],
  );
  return rows[0]?.count ?? 0;
}

/** Grades a result as the caller. */
export const gradeResult = operation({
  method: 'POST',
  path: grades.path,
  id: 'grade',
  tag: 'grades',
  summary: 'Set your grade of a result, replacing your earlier grade',
  description:
    'A person has one grade for each result and grader. Agents, and keys without a user, cannot grade. See docs/evaluation.md.',
  permission: { object: 'grades', action: 'run' },
  body: z.strictObject({
    evaluation_result_id: id.describe('The result'),
    score: z.number().describe('From 0 (wrong) to 1 (right)'),
    comment: z.string().nullish().describe('The reason'),
    grader: z
      .string()
      .nullish()
      .describe('Name of the grader whose question you answer; the whole result by default'),
  }),
  answers: { 200: { description: 'Your grade', schema: grades.row } },
  async work(db, { body }) {
    const { rows } = await db.query<{ id: string }>('select (howdah.grade($1, $2, $3, $4)).id', [
      body.evaluation_result_id,
      body.score,
      body.comment ?? null,
      body.grader ?? null,
    ]);
    return shownRow(grades, await readRow(db, grades, rows[0]?.id ?? ''));
  },
});
