import { z } from 'zod';
import { RUN_EVENTS } from '../../contracts/runs/stream-event.ts';
import { id } from '../../resources/fields.ts';
import type { SocketPath } from '../http/openapi.ts';
import { executeBody } from '../rest/runs/execute.ts';
import { answerFields } from '../rest/runs/questions.ts';
import { saidFields } from '../rest/runs/session-messages.ts';

/** The id that a client gives to its message. The answer has the same id. */
const ref = z
  .string()
  .min(1)
  .max(100)
  .describe('The id of the message; its answers have the same id');
const execution_id = id.describe('The id of the run');
const idempotency_key = z
  .string()
  .optional()
  .describe('The same as the header Idempotency-Key of the request');

const control = <T extends string>(type: T) =>
  z.strictObject({ type: z.literal(type), id: ref, execution_id });

/** Messages that a client may send, by type. A text frame contains one JSON object. */
export const messages = {
  connection_init: z.strictObject({
    type: z.literal('connection_init'),
    authorization: z.string().optional().describe('Bearer …, for clients that cannot send headers'),
  }),
  subscribe: z.strictObject({
    type: z.literal('subscribe'),
    id: ref,
    execution_id: execution_id.optional(),
    session_id: id.optional(),
    after: z.string().optional().describe('The id of the last event you received'),
    tree: z
      .boolean()
      .optional()
      .describe('Also sends the events of the runs below; true by default for a session'),
  }),
  unsubscribe: z.strictObject({
    type: z.literal('unsubscribe'),
    id: ref,
    subscription: z.string().describe('The id of the message that started it'),
  }),
  execute: executeBody
    .omit({ wait: true, stream: true, tree: true })
    .extend({ type: z.literal('execute'), id: ref, idempotency_key }),
  send_message: z.strictObject({
    type: z.literal('send_message'),
    id: ref,
    session_id: id,
    ...saidFields,
    idempotency_key,
  }),
  answer: z.strictObject({
    type: z.literal('answer'),
    id: ref,
    question_id: id.optional(),
    session_id: id
      .optional()
      .describe('The session whose oldest open question is answered when no question is named'),
    ...answerFields,
  }),
  cancel: control('cancel'),
  pause: control('pause'),
  resume: control('resume'),
  retry: control('retry'),
} as const;

export type MessageType = keyof typeof messages;
export type ClientMessage = { [T in MessageType]: z.output<(typeof messages)[T]> }[MessageType];

/** All messages of a client, for the OpenAPI document. */
const clientMessage = z
  .union(Object.values(messages))
  .meta({ id: 'SocketMessage', description: 'A message from the client over /ws' });

/** Messages that a server sends. */
const serverMessage = z
  .union([
    z.object({ type: z.literal('connection_ack') }),
    z.object({
      type: z.literal('event'),
      subscription: z.string(),
      event: z.enum(RUN_EVENTS),
      id: z.string().optional().describe('The cursor to continue after this event (`after`)'),
      data: z.record(z.string(), z.unknown()),
    }),
    z.object({ type: z.literal('end'), subscription: z.string() }),
    z.object({ type: z.literal('result'), id: z.string(), data: z.unknown() }),
    z.object({
      type: z.literal('error'),
      id: z.string().nullable(),
      error: z.record(z.string(), z.unknown()).describe('A Problem'),
    }),
  ])
  .meta({ id: 'SocketAnswer', description: 'A message from the server over /ws' });

/** The WebSocket in the OpenAPI document. */
export const socketPath: SocketPath = {
  path: '/ws',
  id: 'openSocket',
  tag: 'executions',
  summary: 'Open a WebSocket for events of runs and sessions, and for messages',
  description:
    'Each text frame is one JSON object; see docs/rest.md. A connection has at most 500 subscriptions. It is closed if it answers no ping for a minute, ' +
    'sends no message in its first 10 seconds, or sends 100 consecutive messages that are invalid or exceed a limit (1008). ' +
    'Other close codes: 4401 without a valid login or after the key is revoked, 4403 when the token expires, 1001 when the server stops.',
  takes: clientMessage,
  sends: serverMessage,
};
