import type { Queryable } from '../../db/connection/pool.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { questionText } from '../conversation-protocols/conversation-runs.ts';
import type {
  ConversationState,
  RunQuestion,
} from '../conversation-protocols/conversation-state.ts';

// A run as a task of A2A 1.0, in its JSON. legacy.ts converts it to 0.3.

export type TaskPart =
  | { text: string }
  | { data: Json }
  | { url: string; filename: string; mediaType: string };
export type TaskMessage = {
  messageId: string;
  contextId: string;
  taskId: string;
  role: 'ROLE_USER' | 'ROLE_AGENT';
  parts: TaskPart[];
};
export type TaskState =
  | 'TASK_STATE_SUBMITTED'
  | 'TASK_STATE_WORKING'
  | 'TASK_STATE_INPUT_REQUIRED'
  | 'TASK_STATE_COMPLETED'
  | 'TASK_STATE_FAILED'
  | 'TASK_STATE_CANCELED';
export type TaskStatus = { state: TaskState; timestamp: string; message?: TaskMessage };
export type Artifact = { artifactId: string; name: string; parts: TaskPart[] };
export type Task = {
  id: string;
  contextId: string;
  status: TaskStatus;
  artifacts: Artifact[];
  history: TaskMessage[];
  metadata: JsonObject;
};
type TaskIds = { taskId: string; contextId: string };
/** The content of one event of a stream. */
export type StreamResponse =
  | { task: Task }
  | { statusUpdate: TaskIds & { status: TaskStatus } }
  | { artifactUpdate: TaskIds & { artifact: Artifact; append: boolean; lastChunk: boolean } };

/** The artifact that contains the answer of a run. */
export const ANSWER = 'answer';

/** The base address of files: the address by which the client reached this server. */
export type Rendering = { base: string };

export function taskIdsOf({ id, session_id }: ConversationState): TaskIds {
  return { taskId: id, contextId: session_id ?? id };
}

/**
 * Returns the current task with its last `historyLength` messages, or with all messages if there is
 * no such number.
 */
export async function taskOf(
  db: Queryable,
  run: ConversationState,
  { base, historyLength }: Rendering & { historyLength?: number | null | undefined },
): Promise<Task> {
  const { taskId, contextId } = taskIdsOf(run);
  return {
    id: taskId,
    contextId,
    status: statusOf(run),
    artifacts: artifactsOf(run, base),
    history: historyLength === 0 ? [] : await historyOf(db, run, historyLength ?? null),
    metadata: {
      ...{ agent: run.name, tokens_in: run.tokens_in, tokens_out: run.tokens_out },
      finish_reason: run.finish_reason,
    },
  };
}

export function statusOf(run: ConversationState): TaskStatus {
  const text = statusText(run);
  const state = stateOf(run);
  const status = { state, timestamp: new Date(run.changed_at).toISOString() };
  if (text === undefined) return status;
  const parts: TaskPart[] = [{ text }, ...(isAsking(run) ? run.questions.map(questionPart) : [])];
  return { ...status, message: agentMessage(run, `${run.id}.${run.step_count}.status`, parts) };
}

/** Returns a message of an agent besides its answer. */
export function agentMessage(
  run: ConversationState,
  messageId: string,
  parts: TaskPart[],
): TaskMessage {
  return { messageId, ...taskIdsOf(run), role: 'ROLE_AGENT', parts };
}

/** Returns the answer, if there is one, and the files that the run created. */
export function artifactsOf(run: ConversationState, base: string): Artifact[] {
  const files = run.files.map(
    ({ id, name, type }): Artifact => ({
      artifactId: id,
      name,
      parts: [{ url: `${base}/api/resources/${id}`, filename: name, mediaType: type }],
    }),
  );
  if (run.status !== 'completed') return files;
  return [{ artifactId: ANSWER, name: ANSWER, parts: answerParts(run) }, ...files];
}

function answerParts({ output, output_data }: ConversationState): TaskPart[] {
  const text = [{ text: output ?? '' }];
  return output_data === null ? text : [...text, { data: output_data }];
}

function stateOf(run: ConversationState): TaskState {
  if (isAsking(run)) return 'TASK_STATE_INPUT_REQUIRED';
  switch (run.status) {
    case 'queued':
      return 'TASK_STATE_SUBMITTED';
    case 'completed':
      return 'TASK_STATE_COMPLETED';
    case 'failed':
      return 'TASK_STATE_FAILED';
    case 'cancelled':
      return 'TASK_STATE_CANCELED';
    default:
      // A paused run, and one that waits for no person, count as working.
      return 'TASK_STATE_WORKING';
  }
}

export function isAsking({ status, questions }: ConversationState): boolean {
  return status === 'waiting' && questions.length > 0;
}

function statusText(run: ConversationState): string | undefined {
  const [question] = run.questions;
  if (isAsking(run) && question) return questionText(question);
  if (run.status === 'failed') return run.error?.message ?? `the run ended: ${run.stop_reason}`;
  return undefined;
}

/** Returns the data that a program needs to answer a question, with the id of the question. */
function questionPart({
  id,
  kind,
  prompt,
  options,
  schema,
  tool_call,
  expires_at,
}: RunQuestion): TaskPart {
  return {
    data: { question_id: id, kind, prompt, options, schema, tool_call, expires_at },
  };
}

async function historyOf(
  db: Queryable,
  run: ConversationState,
  most: number | null,
): Promise<TaskMessage[]> {
  const { rows } = await db.query<{ messages: { id: string; role: string; content: string }[] }>(
    'select howdah_private.conversation_messages($1, $2) as messages',
    [run.id, most],
  );
  const firstMessageId = run.metadata.a2a_message_id;
  let isFirst = true;
  return (rows[0]?.messages ?? []).map(({ id, role, content }) => {
    const isUser = role === 'user';
    const messageId = isUser && isFirst && typeof firstMessageId === 'string' ? firstMessageId : id;
    if (isUser) isFirst = false;
    return {
      messageId,
      ...taskIdsOf(run),
      role: isUser ? 'ROLE_USER' : 'ROLE_AGENT',
      parts: [{ text: content }],
    };
  });
}
