import { z } from 'zod';
import { jsonPage } from '../../../db/queries/json-rows.ts';
import { queriesWithin } from '../../../db/queries/queries.ts';
import { questionsInTheWay } from '../../../db/queries/questions.ts';
import { idsIn, pageAnswer } from '../../../operations/pagination.ts';
import { executionSchema, findExecution } from '../../../operations/runs/run-rows.ts';
import { columnList } from '../../../resources/column-list.ts';
import { byId, count, id, page, pageOf } from '../../../resources/fields.ts';
import { question } from '../../lists/question-rows.ts';
import { type Route, route } from '../framework/route.ts';
import { executionRecord, findExecutionRecord } from './execution-record.ts';

const shared = { method: 'GET', tag: 'executions', params: byId } as const;

const of = executionSchema.shape;
const node = z
  .object({
    execution_id: id,
    parent_execution_id: id.nullable(),
    depth: z.int(),
    ...{ agent: of.agent, workflow: of.workflow, status: of.status, waiting_for: of.waiting_for },
    ...{
      stop_reason: of.stop_reason,
      finish_reason: of.finish_reason,
      tokens_in: of.tokens_in,
      tokens_out: of.tokens_out,
    },
    cost: count,
    total_tokens_in: count.describe('Includes child runs, as do the other totals'),
    total_tokens_out: count,
    total_cost: count,
    started_at: of.started_at,
    completed_at: of.completed_at,
    path: z.array(id).describe('The path from the root to the run; sort by it to draw the tree'),
  })
  .meta({ id: 'RunInTree' });
type Node = z.output<typeof node>;

const openQuestion = question
  .pick({
    ...{ id: true, kind: true, execution_id: true, prompt: true, options: true },
    ...{ schema: true, tool_call: true, preview: true, expires_at: true },
  })
  .meta({ id: 'QuestionInTheWay' });

/** Routes that show the state of one run: its row, its tree and its open questions. */
export const inspectionRoutes: Route[] = [
  route({
    ...shared,
    path: '/api/executions/{id}/row',
    id: 'inspectExecution',
    summary: 'Get the whole record of a run, with limits, counters, versions and owner',
    description: 'Without callback_url, which may contain a key.',
    answers: { 200: { description: 'The row of the run', schema: executionRecord } },
    work: async (db, { params }) => ({ body: await findExecutionRecord(db, params.id) }),
  }),
  route({
    ...shared,
    path: '/api/executions/{id}/tree',
    id: 'listExecutionTree',
    summary: 'List the runs of the tree of a run, with their usage',
    description:
      'Starts at the root. The usage is of each run alone, and of the run with its child runs.',
    isReplicable: true,
    query: z.strictObject(page),
    answers: { 200: { description: 'A page of runs', schema: pageOf(node) } },
    async work(db, { params, query: { limit, cursor }, url }) {
      const { root_execution_id } = await findExecution(db, params.id);
      const rows = await jsonPage<Node>(
        db,
        `select ${columnList(node.shape)}
         from howdah.execution_tree as t
         where t.root_execution_id = $1 and ($2::uuid[] is null or t.path > $2) order by t.path limit $3`,
        [root_execution_id, idsIn(cursor, url) ?? null, limit + 1],
      );
      return pageAnswer(rows, limit, url, ({ path }) => path.join(' '));
    },
  }),
  route({
    ...shared,
    path: '/api/executions/{id}/questions',
    id: 'listExecutionQuestions',
    summary: 'List the open questions that block a run and its child runs',
    description: 'The list is empty while any of these runs can continue without an answer.',
    answers: {
      200: { description: 'Open questions', schema: z.object({ data: z.array(openQuestion) }) },
    },
    async work(db, { params }) {
      await findExecution(db, params.id);
      return { body: { data: await questionsInTheWay(queriesWithin(db), params.id) } };
    },
  }),
];
