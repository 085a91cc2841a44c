import { z } from 'zod';
import { EXECUTION_STATUSES } from '../../contracts/runs/step.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { jsonRow } from '../../db/queries/json-rows.ts';
import { executionSchema, findExecution } from '../../operations/runs/run-rows.ts';
import { id, object } from '../../resources/fields.ts';
import { keyIn, takeKey } from './framework/request-keys.ts';
import { type Route, route } from './framework/route.ts';
import { LONGEST_WAIT, waitField } from './runs/execute.ts';

/** The workflow that decides which agent a question is for: docs/workflows.md. */
const MANAGER = 'manager';
/** Default time to wait, in seconds. */
const USUAL_WAIT = 60;

const decision = z.object({
  method: z.string(),
  chosen: z.unknown().describe('The agents that were chosen, with confidence and reason'),
  reason: z.string().nullable(),
  candidates: z.unknown(),
});

const queryResult = z.object({
  decision: decision.nullable().describe('The decision, as in howdah.routing_decisions'),
  sql: z
    .string()
    .nullable()
    .describe('The last query that returned rows; null when no query was run'),
  rows: z.array(object).nullable(),
  row_count: z.int().nullable(),
  cut_by: z
    .string()
    .nullable()
    .describe('rows or bytes, when the result exceeded what an agent may read'),
});

const answeredQuestion = queryResult.extend({
  execution_id: id,
  status: z.enum(EXECUTION_STATUSES),
  answer: executionSchema.shape.output,
  error: executionSchema.shape.error,
});

/**
 * Route that answers a question by the agent that the manager chooses. If the answer needed SQL, it
 * has the query and its rows.
 */
export const queryRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/query',
    id: 'query',
    tag: 'executions',
    summary: 'Ask a question without naming an agent',
    description: `The manager chooses the agent that answers; decision is a row of howdah.routing_decisions. sql and rows are those of the last query of the tool sql_query, or null. The request waits ${USUAL_WAIT} seconds by default.`,
    body: z.strictObject({
      question: z
        .string()
        .regex(/\S/, 'the question is empty')
        .describe('The question, in any language'),
      session_id: id.optional(),
      metadata: object.optional(),
      wait: waitField,
    }),
    isKeyed: true,
    fieldAliases: { message: 'question', input: 'question', user_input: 'question' },
    answers: {
      200: {
        description: 'The question was answered, or answering it failed',
        schema: answeredQuestion,
      },
      202: {
        description: 'The question is not answered yet',
        schema: z.object({ execution_id: id, status: z.enum(EXECUTION_STATUSES) }),
      },
    },
    async serve({ body: { question, session_id = null, metadata = {}, wait }, headers }, context) {
      const key = keyIn(headers);
      const execution_id = await context.transaction(async (db) => {
        if (key !== undefined) await takeKey(db, key, ['query', question, session_id, metadata]);
        const { rows } = await db.query<{ id: string }>(
          `select (howdah.run_workflow($1, $2, session_id => $3, idempotency_key => $4, metadata => $5)).id::uuid::text as id`,
          [MANAGER, question, session_id, key ?? null, JSON.stringify(metadata)],
        );
        return rows[0]?.id ?? '';
      });
      const seconds = wait === true ? LONGEST_WAIT : Number(wait ?? USUAL_WAIT);
      if (seconds > 0) await context.waitForEnd(execution_id, seconds * 1000);
      return context.transaction(async (db) => {
        const {
          status,
          output: answer,
          error,
          completed_at,
        } = await findExecution(db, execution_id);
        const headers = { location: `/api/executions/${execution_id}` };
        if (completed_at === null) return { status: 202, headers, body: { execution_id, status } };
        const more = await findQueryResult(db, execution_id);
        return { headers, body: { execution_id, status, answer, error, ...more } };
      });
    },
  }),
];

/**
 * Returns the decision, and the last answered query of the run and the runs below it. Reads only
 * rows that the caller may see.
 */
async function findQueryResult(
  db: Queryable,
  executionId: string,
): Promise<z.output<typeof queryResult>> {
  const row = await jsonRow<z.output<typeof queryResult>>(
    db,
    `select (
       select jsonb_build_object('method', d.method, 'chosen', d.chosen, 'reason', d.reason, 'candidates', d.candidates)
       from howdah.routing_decisions as d where d.execution_id = t.id order by d.seq limit 1
     ) as decision, q.input ->> 'query' as sql, q.output -> 'rows' as rows,
       (q.output ->> 'row_count')::int as row_count, q.output ->> 'cut_by' as cut_by
     from howdah.executions as t
     left join lateral (
       select s.input, s.output from howdah.executions as e
       join howdah.steps as s on s.execution_id = e.id
       where e.root_execution_id = t.root_execution_id and s.kind = 'tool' and s.name = 'sql_query'
         and s.error is null and s.output ? 'rows'
       order by s.finished_at desc, s.execution_id desc, s.seq desc limit 1
     ) as q on true
     where t.id = $1`,
    [executionId],
  );
  return row ?? { decision: null, sql: null, rows: null, row_count: null, cut_by: null };
}
