import type { RunError } from '../../contracts/errors.ts';
import type { Message } from '../../contracts/runs/message.ts';
import type { Client } from '../../db/queries/json-rows.ts';
import type { Json, JsonObject } from '../../json/json.ts';

/** What a client says: a turn of a conversation, or the results of the calls it was asked to make. */
export type Conversation = {
  model: string;
  input: string;
  parts: JsonObject[];
  /** What was said before, as the client tells it. */
  history: Message[];
  tools: { name: string; description?: string; parameters?: JsonObject }[];
  /** Not empty: the run that asked for these calls goes on with their results. */
  results: CallResult[];
  metadata: JsonObject;
};

export type CallResult = { question_id: string; output: string };

/** A run as its client follows it: from behind a step it knows of. */
export type StartedRun = { id: string; since: number };

/** Where a run stands: howdah_private.conversation_since. */
export type RunSnapshot = {
  status: string;
  stop_reason: string | null;
  error: RunError | null;
  output: string | null;
  step_count: number;
  created_at: number;
  ended_at: number | null;
  /** What it says counts only when it has ended. */
  is_whole: boolean;
  tokens_in: number;
  tokens_out: number;
  /** What its model answered since. */
  answers: { seq: number; content: string; has_calls: boolean }[];
  /** What it waits to be told. */
  questions: PendingQuestion[];
};

export type PendingQuestion = {
  id: string;
  prompt: string;
  options: string[] | null;
  tool_call: { name: string; arguments: Json } | null;
  is_client_call: boolean;
};

export type RunStart = {
  /** The run it goes on from. */
  previous?: string | undefined;
  /** In a session, so that a later one can go on from it. */
  isKept: boolean;
  /** From its first step on, with what its model says meanwhile. */
  isFollowed: boolean;
  key?: string | undefined;
};

/** Begins a run, or goes on with the one that asked for the calls. */
export async function begin(
  db: Client,
  { model, input, parts, history, tools, results, metadata }: Conversation,
  { previous, isKept, isFollowed, key }: RunStart,
): Promise<StartedRun> {
  if (results.length > 0) {
    const { rows } = await db.query<StartedRun>(
      'select execution_id::text as id, since from howdah_private.answer_client_calls($1)',
      [JSON.stringify(results)],
    );
    return rows[0] as StartedRun;
  }
  const listed = (list: readonly unknown[]) => (list.length > 0 ? JSON.stringify(list) : null);
  const { rows } = await db.query<{ id: string }>(
    'select howdah_private.begin_conversation($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)::text as id',
    [
      model,
      input,
      listed(parts),
      listed(history),
      listed(tools),
      JSON.stringify(metadata),
      previous ?? null,
      isKept,
      isFollowed,
      key ?? null,
    ],
  );
  return { id: rows[0]?.id ?? '', since: 0 };
}

/** Where the run stands; undefined when there is none that the caller sees. */
export async function look(
  db: Client,
  { id, since }: StartedRun,
): Promise<RunSnapshot | undefined> {
  const { rows } = await db.query<{ told: RunSnapshot | null }>(
    'select howdah_private.conversation_since($1, $2) as told',
    [id, since],
  );
  return rows[0]?.told ?? undefined;
}

/** Answers what the run asked a person; it goes on, and what was said before is no news any more. */
export async function answerQuestion(
  db: Client,
  { id, questionId, answer }: { id: string; questionId: string; answer: string },
): Promise<StartedRun> {
  const run = await look(db, { id, since: 0 });
  await db.query('select howdah.answer_question($1, $2), howdah_private.register_follower($3)', [
    questionId,
    answer,
    id,
  ]);
  return { id, since: run?.step_count ?? 0 };
}

export async function cancel(db: Client, id: string): Promise<void> {
  await db.query('select howdah.cancel_execution($1)', [id]);
}
