import { z } from 'zod';
import type { EndpointPath } from '../http/openapi.ts';
import { completion, completionChunk, model, modelList, openAiErrorBody } from './answers.ts';
import { chatRequest } from './chat/chat-request.ts';
import { onDisconnect } from './request-run.ts';
import { response, responseEvent } from './responses/response-schema.ts';
import { responsesRequest } from './responses/responses-request.ts';

/** Paths for clients of OpenAI. The server and the OpenAPI document use the same definitions. */

const tag = 'openai';
const error = { description: 'An error', schema: openAiErrorBody };
const headers = z.object({
  'Idempotency-Key': z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe('A known one gives the first run; with another request it is 409'),
  'X-Howdah-On-Disconnect': onDisconnect
    .optional()
    .describe('What becomes of the run when its client leaves before the end: detach when absent'),
});

export const createChatCompletion = {
  method: 'POST',
  path: '/v1/chat/completions',
  id: 'createChatCompletion',
  tag,
  summary: 'Asks an agent or workflow; the client keeps the conversation',
  description:
    'The model is the name of an agent or workflow. What tunes a model is passed over. The header x-request-id of the answer is the run: docs/openai.md.',
  headers,
  body: chatRequest,
  answers: {
    200: {
      description: 'The answer; with stream: true chunks of it, and a last line [DONE]',
      schema: completion,
      events: z.union([completionChunk, openAiErrorBody]),
    },
  },
  error,
} as const satisfies EndpointPath;

export const createResponse = {
  method: 'POST',
  path: '/v1/responses',
  id: 'createResponse',
  tag,
  summary: 'Asks an agent or workflow in a session; previous_response_id goes on in it',
  description:
    'The model is the name of an agent or workflow. What tunes a model is passed over. The header x-request-id of the answer is the run: docs/openai.md.',
  headers,
  body: responsesRequest,
  answers: {
    200: {
      description: 'The turn as it ended; with stream: true its events',
      schema: response,
      events: responseEvent,
    },
  },
  error,
} as const satisfies EndpointPath;

export const listOpenAiModels = {
  method: 'GET',
  path: '/v1/models',
  id: 'listOpenAiModels',
  tag,
  summary: 'The agents and workflows that you may run, as models',
  answers: { 200: { description: 'All of them', schema: modelList } },
  error,
} as const satisfies EndpointPath;

export const getOpenAiModel = {
  method: 'GET',
  path: '/v1/models/{model}',
  id: 'getOpenAiModel',
  tag,
  summary: 'One agent or workflow as a model',
  params: z.object({ model: z.string().describe('Its name') }),
  answers: { 200: { description: 'The model', schema: model } },
  error,
} as const satisfies EndpointPath;

export const openAiPaths: readonly EndpointPath[] = [
  createChatCompletion,
  createResponse,
  listOpenAiModels,
  getOpenAiModel,
];
