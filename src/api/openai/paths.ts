import { z } from 'zod';
import type { EndpointPath } from '../http/openapi.ts';
import { chatRequest } from './chat/chat-request.ts';
import {
  completion,
  completionChunk,
  model,
  modelList,
  openAiErrorBody,
} from './completion-schemas.ts';
import { runHeaders } from './openai-request.ts';
import { response, responseEvent } from './responses/response-schema.ts';
import { responsesRequest } from './responses/responses-request.ts';

/** Paths for clients of OpenAI. The server and the OpenAPI document use the same definitions. */

const tag = 'openai';
const error = { description: 'An error', schema: openAiErrorBody };

export const createChatCompletion = {
  method: 'POST',
  path: '/v1/chat/completions',
  id: 'createChatCompletion',
  tag,
  summary: 'Run an agent or workflow; the client keeps the conversation',
  description:
    'The model is the name of an agent or workflow. Parameters that tune a model are ignored. The header x-request-id of the answer is the id of the run; see docs/openai.md.',
  headers: runHeaders,
  body: chatRequest,
  answers: {
    200: {
      description: 'The answer; with stream: true its chunks and a last line [DONE]',
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
  summary: 'Run an agent or workflow in a session; previous_response_id continues the session',
  description:
    'The model is the name of an agent or workflow. Parameters that tune a model are ignored. The header x-request-id of the answer is the id of the run; see docs/openai.md.',
  headers: runHeaders,
  body: responsesRequest,
  answers: {
    200: {
      description: 'The ended turn; with stream: true its events',
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
  summary: 'List the agents and workflows that you may run, as models',
  answers: { 200: { description: 'All agents and workflows that you may run', schema: modelList } },
  error,
} as const satisfies EndpointPath;

export const getOpenAiModel = {
  method: 'GET',
  path: '/v1/models/{model}',
  id: 'getOpenAiModel',
  tag,
  summary: 'Get an agent or workflow as a model',
  params: z.object({ model: z.string().describe('The name of the agent or workflow') }),
  answers: { 200: { description: 'The model', schema: model } },
  error,
} as const satisfies EndpointPath;

export const openAiPaths: readonly EndpointPath[] = [
  createChatCompletion,
  createResponse,
  listOpenAiModels,
  getOpenAiModel,
];
