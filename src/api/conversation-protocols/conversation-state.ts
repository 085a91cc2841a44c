import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import type { RunSnapshot, StartedRun } from './conversation-runs.ts';

/** An open question of any kind, asked by a run or by a run below it. */
export type RunQuestion = {
  id: string;
  kind: EnumLabel<'question_kind'>;
  prompt: string;
  options: Json[] | null;
  schema: JsonObject | null;
  tool_call: { name: string; arguments: Json } | null;
  /** The call of the run itself that waits for the answer. */
  call_id: string | null;
  expires_at: string | null;
  /** True if the client of the run calls the tool itself. */
  is_client_call: boolean;
};

/**
 * The state of a run for clients of A2A, AG-UI and chats. Adds, among others, the session, name,
 * cost and files of the run to `RunSnapshot`, and replaces the questions by open questions of any
 * kind.
 * Comes from howdah_private.conversation_state.
 */
export type ConversationState = Omit<RunSnapshot, 'questions'> & {
  id: string;
  session_id: string | null;
  /** The name of the agent or workflow. */
  name: string;
  output_data: Json;
  /** Cost of the run and the runs below it. */
  cost: number;
  error: RunError | null;
  metadata: JsonObject;
  changed_at: string;
  questions: RunQuestion[];
  /** Resources that the run created. */
  files: { id: string; name: string; type: string }[];
};

/**
 * Returns the state of a run. Returns undefined if the caller sees no such run, or if the agent or
 * workflow of the run has another name than `name`.
 */
export async function conversationState(
  db: Queryable,
  { id, since }: StartedRun,
  name?: string,
): Promise<ConversationState | undefined> {
  const { rows } = await db.query<{ state: ConversationState | null }>(
    'select howdah_private.conversation_state($1, $2, $3) as state',
    [id, since, name ?? null],
  );
  return rows[0]?.state ?? undefined;
}
