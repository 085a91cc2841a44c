import type pg from 'pg';
import { all, claim, commit, type Db, makeRun, makeWorker, one, takeRole } from './support.ts';

/** Columns of a question in a commit of a worker. Missing columns have defaults. */
export type OpenQuestion = {
  kind?: 'question' | 'approval' | 'effect';
  columns?: Record<string, unknown>;
  run?: Record<string, unknown>;
};

/** Creates a run that waits for a person, as its worker leaves it. */
export async function makeQuestion(
  db: Db,
  { kind = 'question', columns = {}, run = {} }: OpenQuestion = {},
) {
  const worker = await makeWorker(db);
  const execution = await makeRun(db, run);
  const [claimed] = await claim(db, worker, [execution]);
  const { id } = await one(db, 'select howdah.uuid_v7() as id');
  const call = { id: 'call_1', name: 'refund', arguments: { order: 'A-1' } };
  const question = {
    id,
    kind,
    call_id: 'call_1',
    prompt: 'Which one?',
    tool_call: call,
    ...columns,
  };
  const [result] = await commit(db, worker, [
    {
      id: execution,
      fence: claimed?.fence,
      after: claimed?.step_count,
      steps: [{ kind: 'question', name: kind, call_id: 'call_1', question }],
      to: { status: 'waiting', waiting_for: 'question' },
    },
  ]);
  if (result?.status !== 'waiting') {
    throw new Error(`the run is ${result?.status}`);
  }
  return { id: id as string, execution };
}

/** Answers a question as the current user of the connection. */
export const answerQuestion = (db: Db, id: string, text: string | null, data?: unknown) =>
  one(db, 'select * from howdah.answer_question($1, $2, $3)', [
    id,
    text,
    data === undefined ? null : JSON.stringify(data),
  ]);

export const questionRow = (db: Db, id: string) =>
  one(db, 'select * from howdah.questions where id = $1', [id]);

/** Returns the events that arrived for a run and are not in its log yet. */
export const inboxOf = (db: Db, execution: string) =>
  all(db, 'select kind, name, call_id, output from howdah_private.inbox where execution_id = $1', [
    execution,
  ]);

/** Makes the rest of the transaction act for that user, as transactions of the API do. */
export const actAs = (client: pg.PoolClient, user: { id: string; tenant_id: string }) =>
  takeRole(client, 'howdah_app', { 'howdah.tenant_id': user.tenant_id, 'howdah.user_id': user.id });
