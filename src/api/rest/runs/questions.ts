import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { findRow } from '../../../db/queries/row-collection.ts';
import { answerPage } from '../../../operations/pagination.ts';
import { anyCase, byId, flag, id, json, page, pageOf } from '../../../resources/fields.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { openList } from '../../lists/list-events.ts';
import { questionConditions } from '../../lists/list-filters.ts';
import { question, questions } from '../../lists/question-rows.ts';
import { listCursor } from '../framework/cursors.ts';
import { listEventsText, listStart } from '../framework/list-stream.ts';
import { changeMany, manyIds, resultsOf } from '../framework/many.ts';
import { type Route, type RouteResponse, route } from '../framework/route.ts';

/** Answers a question as the caller, and returns the question as it is afterwards. */
export async function submitAnswer(
  db: Queryable,
  questionId: string,
  answer: unknown,
  data: unknown,
): Promise<RouteResponse> {
  const values = [questionId, ...answerArguments(answer, data)];
  await db.query('select (howdah.answer_question($1, $2, $3)).id', values);
  const found = await findRow(db, questions, questionId);
  if (!found) throw noSuch('question', questionId);
  return { body: found.row };
}

/** Returns the text and the value of an answer, as the functions for answers take them. */
function answerArguments(answer: unknown, data: unknown): [string | null, string | null] {
  const isText = typeof answer === 'string' || answer === undefined || answer === null;
  const value = data === undefined && !isText ? answer : data;
  return [isText ? (answer ?? null) : null, value === undefined ? null : JSON.stringify(value)];
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

const filters = {
  status: anyCase(enumLabels.question_status).optional(),
  kind: anyCase(enumLabels.question_kind).optional(),
  execution_id: id.optional(),
  root_execution_id: id.optional(),
  session_id: id.optional(),
};

const stream = route({
  method: 'GET',
  path: '/api/questions/stream',
  id: 'streamQuestions',
  tag: 'questions',
  summary: 'Stream a list of questions as Server-Sent Events',
  description: `Follows the open questions, or those with another status. ${listEventsText('question')}`,
  query: z.strictObject({
    ...filters,
    ...listStart,
    status: anyCase(enumLabels.question_status).default('open'),
    is_mine: flag.optional().describe('true: only questions of runs of the caller'),
  }),
  answers: { 200: { description: 'Events', type: 'text/event-stream' } },
  async serve({ query: { first, after, is_mine, ...filter }, headers, identity }, context) {
    const user_id = is_mine ? identity.userId : undefined;
    const where = questionConditions({ ...filter, user_id });
    const cursor = listCursor({ headers, query: { after } });
    const opened = await context.transaction((db) =>
      openList(db, { list: questions, where, after: cursor, first }),
    );
    return { events: context.listEvents(opened) };
  },
});

export const questionRoutes: Route[] = [
  stream,
  route({
    method: 'GET',
    path: '/api/questions',
    id: 'listQuestions',
    tag: 'questions',
    summary: 'List the questions that runs ask people, newest first',
    isReplicable: true,
    query: z.strictObject({ ...page, ...filters }),
    answers: { 200: { description: 'A page of questions', schema: pageOf(question) } },
    async work(db, { query: { limit, cursor, ...filters }, url }) {
      return answerPage(db, questions, questionConditions(filters), { limit, cursor }, url);
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
  route({
    method: 'POST',
    path: '/api/questions/answer',
    id: 'answerQuestions',
    tag: 'questions',
    summary: 'Give one answer to many questions and resume their runs',
    description:
      'A question that does not accept the answer is reported in the answer, and the others are answered.',
    body: z.strictObject({ ids: manyIds, ...answerFields }),
    answers: {
      200: {
        description: 'A result for each id, in order',
        schema: resultsOf('AnsweredQuestion', enumLabels.question_status),
      },
    },
    work: (db, { body: { ids, answer, data } }) =>
      changeMany(db, 'answer_questions', [ids, ...answerArguments(answer, data)]),
  }),
];
