import type { IncomingHttpHeaders } from 'node:http';
import type { Queryable } from '../../db/connection/pool.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import type { StartedRun } from '../conversation-protocols/conversation-runs.ts';
import {
  type ConversationState,
  conversationState,
} from '../conversation-protocols/conversation-state.ts';
import { withTraceparent } from '../http/traceparent.ts';
import type { SendParams, SentMessage, SentPart } from './a2a-schema.ts';
import { A2aRefusal } from './rpc-errors.ts';
import { isAsking } from './task.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The content of a message: its text, its data, and its files as parts for an agent. */
type MessageContent = { text: string; data: Json | undefined; parts: JsonObject[] };

/**
 * Receives a message. A message without a task starts one, as the next turn of its context or the
 * first turn of a new context. A message for a task answers the question of the task, or joins the
 * run at its next step.
 */
export async function receive(
  db: Queryable,
  { agent, params, headers }: { agent: string; params: SendParams; headers: IncomingHttpHeaders },
): Promise<StartedRun> {
  const { message, configuration, metadata } = params;
  if (configuration?.taskPushNotificationConfig ?? configuration?.pushNotificationConfig) {
    throw new A2aRefusal(
      'noPush',
      'push notifications are not supported; create a webhook for all runs instead',
    );
  }
  const content = contentOf(message);
  const about = { ...metadata, ...message.metadata, a2a_message_id: message.messageId };
  if (message.taskId)
    return continueTask(db, agent, { ...message, taskId: message.taskId }, content);
  const context = message.contextId || null;
  if (context !== null && !UUID.test(context)) throw noContext(context);
  const { rows } = await db.query<{ id: string }>(
    'select howdah_private.begin_task($1, $2, $3, $4, $5, $6, $7)::text as id',
    [
      agent,
      content.text,
      content.data === undefined ? null : JSON.stringify(content.data),
      content.parts.length > 0 ? JSON.stringify(content.parts) : null,
      context,
      JSON.stringify(withTraceparent(about, headers)),
      [headers['idempotency-key']].flat()[0] ?? null,
    ],
  );
  return { id: rows[0]?.id ?? '', since: 0 };
}

/**
 * Returns the task of an agent with this id. Throws `A2aRefusal` if the caller sees no such task.
 */
export async function findTask(
  db: Queryable,
  agent: string,
  id: string,
): Promise<ConversationState> {
  const run = UUID.test(id) ? await conversationState(db, { id, since: 0 }, agent) : undefined;
  if (run) return run;
  throw new A2aRefusal('noTask', `there is no task ${id.slice(0, 100)}`, { code: 'HWNTF' });
}

async function continueTask(
  db: Queryable,
  agent: string,
  { taskId, contextId, metadata }: SentMessage & { taskId: string },
  { text, data, parts }: MessageContent,
): Promise<StartedRun> {
  const run = await findTask(db, agent, taskId);
  if (contextId && contextId !== (run.session_id ?? run.id)) {
    throw new A2aRefusal('params', `task ${taskId} belongs to another context`, {
      field: 'contextId',
    });
  }
  const questionId = metadata?.question_id;
  const question =
    questionId === undefined ? run.questions[0] : run.questions.find(({ id }) => id === questionId);
  if (isAsking(run) && question) {
    const value = data === undefined ? null : JSON.stringify(data);
    await db.query('select (howdah.answer_question($1, $2, $3)).id', [
      question.id,
      text || null,
      value,
    ]);
  } else {
    const more = parts.length > 0 ? JSON.stringify(parts) : null;
    await db.query('select (howdah.add_input($1, $2, $3)).id', [run.id, text, more]);
  }
  await db.query('select howdah_private.register_follower($1)', [run.id]);
  return { id: run.id, since: run.step_count };
}

/**
 * Returns the content of a message. Texts become the lines of one text. Data is the data of the run
 * or of an answer. Files become parts in the format of chat completions.
 */
function contentOf({ parts }: SentMessage): MessageContent {
  const texts = parts.flatMap(({ text }) => (text === undefined ? [] : [text]));
  const data = parts.flatMap((part) => (part.data === undefined ? [] : [part.data as Json]));
  const files = parts.flatMap((part, index) => {
    const file = fileOf(part, index);
    return file ? [file] : [];
  });
  return { text: texts.join('\n'), data: data.length > 1 ? data : data[0], parts: files };
}

function fileOf(
  { text, data, raw, url, filename, mediaType }: SentPart,
  index: number,
): JsonObject | undefined {
  if (text !== undefined || data !== undefined) return undefined;
  const type = mediaType ?? 'application/octet-stream';
  const address = raw === undefined ? url : `data:${type};base64,${raw}`;
  if (address !== undefined && type.startsWith('image/')) {
    return { type: 'image_url', image_url: { url: address } };
  }
  if (raw !== undefined) return { type: 'file', file: { filename, file_data: address ?? '' } };
  const message = `parts[${index}] is not supported; use text, data, raw, or the url of an image`;
  throw new A2aRefusal('contentType', message, { field: `message.parts[${index}]` });
}

function noContext(id: string): A2aRefusal {
  const hint = 'Leave it out to create a new context; the task contains its id.';
  const message = `there is no context ${id.slice(0, 100)}`;
  return new A2aRefusal('params', message, { code: 'HWNTF', field: 'contextId', hint });
}
