import type { RunError } from '../../contracts/errors.ts';
import type { Client } from '../../db/queries/json-rows.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import type { RunSnapshot, StartedRun } from '../openai/runs.ts';

/** What somebody is asked, of whatever kind, by a run or one below it. */
export type OpenQuestion = {
  id: string;
  kind: 'question' | 'approval' | 'effect';
  prompt: string;
  options: Json[] | null;
  schema: JsonObject | null;
  tool_call: { name: string; arguments: Json } | null;
  /** The call of the run itself that waits for the answer. */
  call_id: string | null;
  expires_at: string | null;
  /** Its client calls the tool himself. */
  is_client_call: boolean;
};

/** Where a run stands for whoever talks with it: howdah_private.conversation_state. */
export type ConversationState = Omit<RunSnapshot, 'questions'> & {
  id: string;
  session_id: string | null;
  /** Of its agent or workflow. */
  name: string;
  output_data: Json;
  error: RunError | null;
  metadata: JsonObject;
  changed_at: string;
  questions: OpenQuestion[];
  /** Resources it made. */
  files: { id: string; name: string; type: string }[];
};

/** Undefined when there is no such run that the caller sees, or it is of another agent than this. */
export async function conversationState(
  db: Client,
  { id, since }: StartedRun,
  name?: string,
): Promise<ConversationState | undefined> {
  const { rows } = await db.query<{ standing: ConversationState | null }>(
    'select howdah_private.conversation_state($1, $2, $3) as standing',
    [id, since, name ?? null],
  );
  return rows[0]?.standing ?? undefined;
}

/** What somebody is told who is asked: with what there is to choose from. */
export function askedText({ prompt, options }: OpenQuestion): string {
  return [prompt, ...(options ?? []).map((option) => `- ${String(option)}`)].join('\n');
}
