import type { Json, JsonObject } from '../../../../src/json/json.ts';
import { type Endpoint, type Fixtures, httpEndpoint, wholeBody } from './endpoint.ts';

const jsonRpc = (method: string, params: JsonObject): JsonObject => ({
  jsonrpc: '2.0',
  id: 1,
  method,
  params,
});

/** Lists the methods of the MCP server that take parameters. */
export async function mcpEndpoints(url: string, token: string): Promise<Endpoint[]> {
  const endpoint = (name: string, body: Json): Endpoint => ({
    ...httpEndpoint(url, { path: '/mcp', templates: wholeBody(body) }),
    name: `MCP ${name}`,
  });
  const icons = [{ src: 'https://example.com/icon.png', mimeType: 'image/png', sizes: ['48x48'] }];
  const clientInfo = { name: 'x', version: '1', icons };
  return [
    endpoint(
      'initialize',
      jsonRpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }),
    ),
    endpoint(
      'tools/call',
      jsonRpc('tools/call', {
        name: await firstTool(url, token),
        arguments: { message: 'hello' },
      }),
    ),
    endpoint('resources/read', jsonRpc('resources/read', { uri: 'docs://x' })),
    endpoint(
      'completion/complete',
      jsonRpc('completion/complete', {
        ref: { type: 'ref/prompt', name: 'x' },
        argument: { name: 'a', value: 'b' },
      }),
    ),
    endpoint('several requests', [jsonRpc('ping', {}), jsonRpc('tools/list', {})]),
  ];
}

async function firstTool(url: string, token: string): Promise<string> {
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify(jsonRpc('tools/list', {})),
  });
  return /"name":"([\w-]+)"/.exec(await response.text())?.[1] ?? 'development';
}

/** Lists the endpoints of one agent: A2A and AG-UI. */
export function agentEndpoints(url: string, { agent }: Fixtures): Endpoint[] {
  const message = {
    role: 'user',
    kind: 'message',
    messageId: 'm',
    parts: [{ kind: 'text', text: 'x' }],
    metadata: {},
  };
  return [
    httpEndpoint(url, {
      path: `/a2a/${agent}`,
      templates: wholeBody(
        jsonRpc('message/send', { message, configuration: { blocking: false }, metadata: {} }),
      ),
    }),
    httpEndpoint(url, {
      path: `/ag-ui/agents/${agent}`,
      templates: wholeBody({
        threadId: '01900000-0000-7000-8000-000000000001',
        runId: '01900000-0000-7000-8000-000000000002',
        state: {},
        messages: [{ id: '1', role: 'user', content: 'x' }],
        tools: [{ name: 'x', description: 'x', parameters: { type: 'object' } }],
        context: [{ description: 'x', value: 'x' }],
        forwardedProps: {},
      }),
    }),
    httpEndpoint(url, {
      path: '/api/chat',
      templates: wholeBody({
        id: 'chat',
        agent,
        trigger: 'submit-message',
        messageId: null,
        messages: [{ id: '1', role: 'user', parts: [{ type: 'text', text: 'x' }] }],
      }),
    }),
  ];
}
