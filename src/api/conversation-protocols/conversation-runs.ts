import type { FinishReason } from '../../contracts/agents/model.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { Message } from '../../contracts/runs/message.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import type { Json, JsonObject } from '../../json/json.ts';

/**
 * The content of a request: a turn of a conversation, or the results of calls that the client was
 * asked to make.
 */
export type ConversationTurn = {
  model: string;
  input: string;
  parts: JsonObject[];
  /** Earlier messages, as the client reports them. */
  history: Message[];
  tools: { name: string; description?: string; parameters?: JsonObject }[];
  /**
   * Results of client calls. If there are any, the run that asked for the calls continues with
   * them.
   */
  results: CallResult[];
  metadata: JsonObject;
};

export type CallResult = { question_id: string; output: string };

/** A run that a client follows, from after the step `since`. */
export type StartedRun = { id: string; since: number };

/**
 * The state of a run for the next part of an answer in OpenAI's format: its status, and its output
 * since a step. `ConversationState` adds what the other protocols need. Comes from
 * howdah_private.conversation_since.
 */
export type RunSnapshot = {
  status: string;
  stop_reason: string | null;
  finish_reason: FinishReason | null;
  error: RunError | null;
  output: string | null;
  step_count: number;
  created_at: number;
  ended_at: number | null;
  /** True if the output of the run counts only when the run has ended. */
  is_whole: boolean;
  tokens_in: number;
  tokens_out: number;
  /** Answers of the model since that step. */
  answers: { seq: number; content: string; has_calls: boolean }[];
  /** Questions whose answers the run waits for. */
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
  /** The run that the new run continues from. */
  previous?: string | undefined;
  /** True if the run is in a session, so that a later run can continue from it. */
  isStored: boolean;
  /** True if the run is followed from its first step, with the output of its model as it comes. */
  isFollowed: boolean;
  key?: string | undefined;
};

/** Starts a run, or continues the run that asked for the calls. */
export async function startOrContinueRun(
  db: Queryable,
  { model, input, parts, history, tools, results, metadata }: ConversationTurn,
  { previous, isStored, isFollowed, key }: RunStart,
): Promise<StartedRun> {
  if (results.length > 0) {
    const { rows } = await db.query<StartedRun>(
      'select execution_id::text as id, since from howdah_private.answer_client_calls($1)',
      [JSON.stringify(results)],
    );
    return rows[0] as StartedRun;
  }
  const jsonOrNull = (list: readonly unknown[]) => (list.length > 0 ? JSON.stringify(list) : null);
  const { rows } = await db.query<{ id: string }>(
    'select howdah_private.begin_conversation($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)::text as id',
    [
      model,
      input,
      jsonOrNull(parts),
      jsonOrNull(history),
      jsonOrNull(tools),
      JSON.stringify(metadata),
      previous ?? null,
      isStored,
      isFollowed,
      key ?? null,
    ],
  );
  return { id: rows[0]?.id ?? '', since: 0 };
}

/** Returns the snapshot of a run, or undefined if the caller sees no such run. */
export async function readRunSnapshot(
  db: Queryable,
  { id, since }: StartedRun,
): Promise<RunSnapshot | undefined> {
  const { rows } = await db.query<{ snapshot: RunSnapshot | null }>(
    'select howdah_private.conversation_since($1, $2) as snapshot',
    [id, since],
  );
  return rows[0]?.snapshot ?? undefined;
}

/**
 * Answers a question of a run to a person, and continues the run. Earlier answers of the run are
 * not reported again.
 */
export async function answerQuestionOfRun(
  db: Queryable,
  { id, questionId, answer }: { id: string; questionId: string; answer: string },
): Promise<StartedRun> {
  const run = await readRunSnapshot(db, { id, since: 0 });
  await db.query('select howdah.answer_question($1, $2), howdah_private.register_follower($3)', [
    questionId,
    answer,
    id,
  ]);
  return { id, since: run?.step_count ?? 0 };
}

export async function cancelConversationRun(db: Queryable, id: string): Promise<void> {
  await db.query('select howdah.cancel_execution($1)', [id]);
}

/**
 * Returns why the answer of a run is not whole, as clients of models know it: a limit on tokens cut
 * the run or its answer off, or a filter withheld it. Undefined for any other end.
 */
export function incompleteReason({
  status,
  stop_reason,
  finish_reason,
  error,
}: CutOffFields): 'length' | 'content_filter' | undefined {
  if (status === 'completed') return finish_reason === 'length' ? 'length' : undefined;
  if (status !== 'failed') return undefined;
  if (stop_reason === 'max_tokens' || error?.code === 'output_truncated') return 'length';
  return error?.code === 'content_filtered' ? 'content_filter' : undefined;
}

type CutOffFields = Pick<RunSnapshot, 'status' | 'stop_reason' | 'finish_reason' | 'error'>;

/** Returns the text of a question, with its options as a list. */
export function questionText({
  prompt,
  options,
}: {
  prompt: string;
  options: readonly Json[] | null;
}): string {
  return [prompt, ...(options ?? []).map((option) => `- ${String(option)}`)].join('\n');
}
