import { z } from 'zod';
import type { EndpointPath } from '../http/openapi.ts';
import { runHeaders } from '../openai/openai-request.ts';
import { uiChatRequest } from './ui-chat-request.ts';

/** Paths for `useChat` of the AI SDK. The server and the OpenAPI document use them. */

const tag = 'chat';
const params = z.object({ id: z.string().describe('The id of the chat') });
const chunk = z
  .looseObject({ type: z.string() })
  .meta({ id: 'UiMessageChunk', description: 'A chunk of the UI message stream of the AI SDK' });

export const sendChatMessage = {
  method: 'POST',
  path: '/api/chat',
  id: 'sendChatMessage',
  tag,
  summary: 'Send a message of a chat of the AI SDK (useChat), and stream the answer',
  description: 'The conversation is stored in a session; see docs/chat-ui.md.',
  headers: runHeaders,
  body: uiChatRequest,
  answers: {
    200: {
      description: 'The chunks of the answer and a last line [DONE]',
      type: 'text/event-stream',
      events: chunk,
    },
  },
} as const satisfies EndpointPath;

export const resumeChatStream = {
  method: 'GET',
  path: '/api/chat/{id}/stream',
  id: 'resumeChatStream',
  tag,
  summary: 'Stream the answer of a chat that is being generated, from its first chunk',
  params,
  answers: {
    200: {
      description: 'The chunks of the answer and a last line [DONE]',
      type: 'text/event-stream',
      events: chunk,
    },
    204: { description: 'No run of the chat is live' },
  },
} as const satisfies EndpointPath;

export const cancelChatRun = {
  method: 'DELETE',
  path: '/api/chat/{id}/stream',
  id: 'cancelChatRun',
  tag,
  summary: 'Cancel the live run of a chat',
  params,
  answers: { 204: { description: 'No run of the chat is live any more' } },
} as const satisfies EndpointPath;

export const chatPaths: readonly EndpointPath[] = [
  sendChatMessage,
  resumeChatStream,
  cancelChatRun,
];
