import { z } from 'zod';
import type { Client } from '../../../db/queries/json-rows.ts';
import { type Collection, findRow, listRows } from '../../../db/queries/row-collection.ts';
import { noSuch } from '../../errors/request-refusal.ts';
import { anyCase, byId, id, json, object, page, pageOf, time } from '../../http/fields.ts';
import { columnList } from '../framework/column-list.ts';
import { idIn, pageAnswer } from '../framework/pages.ts';
import { type Answer, type Route, route } from '../framework/route.ts';

const text = z.string().nullable();

const KINDS = ['question', 'approval', 'effect'] as const;
const STATUSES = ['open', 'answered', 'expired', 'cancelled'] as const;

/** A question to people. */
export const question = z
  .object({
    id,
    kind: z.enum(KINDS),
    status: z.enum(STATUSES),
    execution_id: id,
    root_execution_id: id,
    session_id: id.nullable(),
    prompt: z.string(),
    options: z.array(z.unknown()).nullable(),
    schema: object.nullable(),
    tool_call: json,
    preview: json.describe('The expected effect of the call, if a dry run was possible'),
    required_role: text,
    answer: text,
    answer_data: json,
    answered_by: text,
    answered_at: time.nullable(),
    expires_at: time.nullable(),
    default_answer: text,
    created_at: time,
  })
  .meta({ id: 'Question' });

const questions: Collection = {
  table: 'questions',
  shown: columnList(question.shape),
  stamp: 't.updated_at',
};

/** Answers a question as the caller, and returns the question as it is afterwards. */
export async function submitAnswer(
  db: Client,
  questionId: string,
  answer: unknown,
  data: unknown,
): Promise<Answer> {
  const isText = typeof answer === 'string' || answer === undefined || answer === null;
  const value = data === undefined && !isText ? answer : data;
  await db.query('select (howdah.answer_question($1, $2, $3)).id', [
    questionId,
    isText ? (answer ?? null) : null,
    value === undefined ? null : JSON.stringify(value),
  ]);
  const found = await findRow(db, questions, questionId);
  if (!found) throw noSuch('question', questionId);
  return { body: found.row };
}

/** Fields of an answer, on every path that takes an answer. */
export const answerFields = {
  answer: json
    .optional()
    .describe(
      'A text, or a value that matches the schema of the question; approve or reject; done, again or give_up',
    ),
  data: json
    .optional()
    .describe('Edited arguments of a call, the result of an effect, or the reason for a rejection'),
};

export const questionRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/api/questions',
    id: 'listQuestions',
    tag: 'questions',
    summary: 'List the questions that runs ask people, newest first',
    isReplicable: true,
    query: z.strictObject({
      ...page,
      status: anyCase(STATUSES).optional(),
      kind: anyCase(KINDS).optional(),
      execution_id: id.optional(),
      root_execution_id: id.optional(),
      session_id: id.optional(),
    }),
    answers: { 200: { description: 'A page of questions', schema: pageOf(question) } },
    async work(db, { query: { limit, cursor, ...filters }, url }) {
      const before = idIn(cursor, url);
      const rows = await listRows(db, questions, {
        where: Object.entries(filters).map(([name, value]) => [`t.${name} = ?`, value] as const),
        limit: limit + 1,
        ...(before !== undefined && { before }),
      });
      return pageAnswer(rows, limit, url, (row) => row.id);
    },
  }),
  route({
    method: 'GET',
    path: '/api/questions/{id}',
    id: 'getQuestion',
    tag: 'questions',
    summary: 'Get a question',
    params: byId,
    answers: { 200: { description: 'The question', schema: question } },
    async work(db, { params }) {
      const found = await findRow(db, questions, params.id);
      if (!found) throw noSuch('question', params.id);
      return { body: found.row };
    },
  }),
  route({
    method: 'POST',
    path: '/api/questions/{id}/answer',
    id: 'answerQuestion',
    tag: 'questions',
    summary: 'Answer a question and resume its run; only the first answer counts',
    params: byId,
    body: z.strictObject(answerFields),
    answers: { 200: { description: 'The question with its answer', schema: question } },
    work: (db, { params, body }) => submitAnswer(db, params.id, body.answer, body.data),
  }),
];
