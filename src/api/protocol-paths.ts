import { z } from 'zod';
import { object } from '../resources/fields.ts';
import type { EndpointPath } from './http/openapi.ts';

/**
 * The endpoints whose requests other specifications define. The OpenAPI document names them with a
 * link to the specification.
 */

const params = z.object({ agent: z.string().describe('The name of the agent or workflow') });
const rpc = z
  .looseObject({
    jsonrpc: z.literal('2.0'),
    id: z.union([z.string(), z.number()]).optional(),
    method: z.string(),
    params: object.optional(),
  })
  .meta({ id: 'JsonRpcRequest', description: 'A request of JSON-RPC 2.0' });
const rpcAnswer = z
  .looseObject({
    jsonrpc: z.literal('2.0'),
    id: z.union([z.string(), z.number(), z.null()]),
    result: z.unknown().optional(),
    error: object.optional(),
  })
  .meta({ id: 'JsonRpcResponse', description: 'A result or an error of JSON-RPC 2.0' });
const event = z.looseObject({ type: z.string() });

const card = {
  200: { description: 'The card of the agent, as A2A defines it', schema: object },
};

/** All these endpoints. A test asks the server for each of them. */
export const protocolPaths: readonly EndpointPath[] = [
  {
    method: 'POST',
    path: '/graphql',
    id: 'queryGraphql',
    tag: 'graphql',
    specification: 'https://graphql.github.io/graphql-over-http/',
    summary: 'Run a GraphQL operation',
    description:
      'The schema describes itself by introspection; /graphiql shows it. Subscriptions use a WebSocket on the same path (graphql-ws). See docs/graphql.md.',
    body: z.strictObject({
      query: z.string(),
      variables: object.optional(),
      operationName: z.string().nullable().optional(),
      extensions: object.optional(),
    }),
    answers: {
      200: {
        description: 'The data, the errors, or both',
        schema: z.object({
          data: object.nullable().optional(),
          errors: z.array(object).optional(),
        }),
      },
    },
  },
  {
    method: 'POST',
    path: '/mcp',
    id: 'callMcp',
    tag: 'mcp',
    specification: 'https://modelcontextprotocol.io/specification',
    summary: 'Send a message of the Model Context Protocol',
    description:
      'Agents, workflows and tools as tools of MCP clients, over streamable HTTP. See docs/mcp-server.md.',
    body: rpc,
    answers: {
      200: {
        description: 'The response, or a stream of messages',
        schema: rpcAnswer,
        events: rpcAnswer,
      },
      202: { description: 'A notification was accepted' },
    },
  },
  {
    method: 'GET',
    path: '/.well-known/agent-card.json',
    id: 'getAgentCard',
    tag: 'a2a',
    specification: 'https://a2a-protocol.org/',
    summary: 'Get the A2A card of the current agent',
    description: 'See docs/a2a.md.',
    answers: card,
  },
  {
    method: 'GET',
    path: '/a2a/{agent}/.well-known/agent-card.json',
    id: 'getCardOfAgent',
    tag: 'a2a',
    specification: 'https://a2a-protocol.org/',
    summary: 'Get the A2A card of an agent or workflow',
    description: 'See docs/a2a.md.',
    params,
    answers: card,
  },
  {
    method: 'POST',
    path: '/a2a/{agent}',
    id: 'callA2a',
    tag: 'a2a',
    specification: 'https://a2a-protocol.org/',
    summary: 'Send a request of the Agent2Agent protocol (A2A) to an agent or workflow',
    description:
      'JSON-RPC: messages start runs, which are tasks; sessions are contexts. See docs/a2a.md.',
    params,
    body: rpc,
    answers: {
      200: { description: 'The response, or its stream', schema: rpcAnswer, events: rpcAnswer },
    },
  },
  {
    method: 'POST',
    path: '/ag-ui/agents/{agent}',
    id: 'runAgUi',
    tag: 'ag-ui',
    specification: 'https://docs.ag-ui.com/',
    summary: 'Run an agent or workflow for a user interface that speaks AG-UI',
    description: 'See docs/ag-ui.md.',
    params,
    body: z
      .looseObject({
        threadId: z.string(),
        runId: z.string(),
        messages: z.array(object),
        tools: z.array(object).optional(),
        context: z.array(object).optional(),
      })
      .meta({ id: 'AgUiInput', description: 'RunAgentInput of AG-UI' }),
    answers: {
      200: { description: 'The events of the run', type: 'text/event-stream', events: event },
    },
  },
];
