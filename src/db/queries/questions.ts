import { sql } from 'kysely';
import type { Preview } from '../../contracts/runs/preview.ts';
import type { QuestionKind } from '../../contracts/runs/step.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import type { Pool } from '../connection/pool.ts';
import type { Queries } from './queries.ts';

export type QuestionSelection = { isOpen: boolean; limit: number };

/** Lists the newest questions of the tenant, either all or only the open questions. */
export function listQuestions(db: Queries, { isOpen, limit }: QuestionSelection) {
  let query = db
    .selectFrom('questions as q')
    .innerJoin('executions as e', 'e.id', 'q.execution_id')
    .leftJoin('agents as a', 'a.id', 'e.agent_id')
    .leftJoin('workflows as w', 'w.id', 'e.workflow_id')
    .select(['q.id', 'q.kind', 'q.root_execution_id as run', 'q.status'])
    .select(sql<string>`coalesce(a.name, w.name)`.as('agent'))
    .select(['q.created_at', 'q.expires_at', 'q.prompt', 'q.options', 'q.schema', 'q.tool_call'])
    .select(['q.answer', 'q.answer_data', 'q.answered_by', 'q.execution_id', 'q.preview'])
    .where('q.tenant_id', '=', sql<string>`howdah.current_tenant()`)
    .orderBy('q.id', 'desc')
    .limit(limit);
  if (isOpen) {
    query = query.where('q.status', '=', 'open');
  }
  return query.execute();
}

/** Returns whether this login sees a question with this id. */
export async function isThereQuestion(db: Queries, id: string): Promise<boolean> {
  const row = await db.selectFrom('questions').select('id').where('id', '=', id).executeTakeFirst();
  return row !== undefined;
}

/**
 * Returns the ids of the open questions of a run, the oldest first. For a root run, they include
 * the questions of all runs below it. Returns undefined if there is no such run.
 */
export async function openQuestionsOf(db: Queries, runId: string): Promise<string[] | undefined> {
  const { rows } = await sql<{ ids: string[] }>`
    select array(
      select q.id from howdah.questions as q
      where q.tenant_id = e.tenant_id and q.status = 'open'
        and (q.execution_id = e.id or q.root_execution_id = e.id)
      order by q.id
    ) as ids
    from howdah.executions as e where e.id = ${runId}`.execute(db);
  return rows[0]?.ids;
}

/** A question of a run, or of a run below it. */
export type Question = {
  id: string;
  kind: QuestionKind;
  execution_id: string;
  prompt: string;
  options: string[] | null;
  schema: JsonObject | null;
  tool_call: JsonObject | null;
  /** The effects of the call, if it could be tried. */
  preview: Preview | null;
  expires_at: Date | null;
};

/**
 * Returns the open questions of a run and of all runs below it, once only a person can continue the
 * run. No part of the run is then running, due or waiting for anything but a person. Returns no
 * questions before.
 */
export async function questionsInTheWay(db: Queries, executionId: string): Promise<Question[]> {
  const { rows } = await sql<Question>`
    with family as (
      select e.id, e.status, e.waiting_for from howdah.executions as e where e.id = ${executionId}
      union all
      select e.id, e.status, e.waiting_for from howdah.executions as e
      where e.root_execution_id = ${executionId} and e.parent_execution_id is not null
    )
    select q.id, q.kind, q.execution_id, q.prompt, q.options, q.schema, q.tool_call, q.preview, q.expires_at
    from howdah.questions as q
    where q.execution_id in (select f.id from family as f) and q.status = 'open'
      and not exists (
        select from family as f
        where f.status in ('queued', 'running') or f.waiting_for in ('timer', 'turn', 'quota')
      )
    order by q.id`.execute(db);
  return rows;
}

/** The row of an answered question, as SQL returns it. */
export type AnsweredQuestion = {
  id: string;
  status: string;
  execution_id: string;
  root_execution_id: string;
};

/**
 * Answers a question of any kind. Throws the errors of the SQL function: HWNTF, HWCNF, HWINV,
 * HWDEN.
 */
export function answerQuestion(pool: Pool, id: string, text: string | null, data?: Json) {
  return only(pool, 'select * from howdah.answer_question($1, $2, $3)', [id, text, json(data)]);
}

/**
 * Approves a call, with other arguments if there are `args`. `remember` extends the approval to
 * later calls. Throws the same errors as `answerQuestion`.
 */
export function approve(pool: Pool, id: string, remember: string | null, args?: Json) {
  return only(pool, 'select * from howdah.approve($1, $2, $3)', [id, remember, json(args)]);
}

/** Rejects a call. The model receives the reason. Throws the same errors as `answerQuestion`. */
export function reject(pool: Pool, id: string, reason: string | null) {
  return only(pool, 'select * from howdah.reject($1, $2)', [id, reason]);
}

async function only(pool: Pool, text: string, values: unknown[]): Promise<AnsweredQuestion> {
  const { rows } = await pool.query(text, values);
  return rows[0];
}

function json(value: Json | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
