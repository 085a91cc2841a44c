import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { JsonObject } from '../../../src/json/json.ts';
import { type AuthorizationServer, listen } from './authorization-server.ts';

/**
 * An MCP server and an API that accept only tokens that an authorization server has issued for
 * them.
 */
export type ResourceServer = {
  origin: string;
  /** The URL of the MCP server. */
  url: string;
  /** The tokens of all requests, in order. */
  tokens: string[];
  /** The status of each response. */
  statuses: number[];
  /** Valid tokens that the server rejects. */
  refused: Set<string>;
  close(): void;
};

export async function startResourceServer(server: AuthorizationServer): Promise<ResourceServer> {
  const http = createServer();
  const origin = `http://127.0.0.1:${await listen(http)}`;
  const resource: ResourceServer = {
    ...{ origin, url: `${origin}/mcp`, tokens: [], statuses: [], refused: new Set() },
    close() {
      http.close();
      http.closeAllConnections();
    },
  };
  http.on('request', async (request, response) => {
    response.on('finish', () => resource.statuses.push(response.statusCode));
    const path = request.url?.split('?')[0] ?? '';
    if (path.startsWith('/.well-known/oauth-protected-resource')) {
      return sendJson(response, {
        resource: resource.url,
        authorization_servers: [server.issuer],
        scopes_supported: ['notes'],
      });
    }
    const owner = await ownerOf(request, resource, server);
    if (!owner) {
      const metadata = `${origin}/.well-known/oauth-protected-resource/mcp`;
      response.setHeader('www-authenticate', `Bearer resource_metadata="${metadata}"`);
      return void response.writeHead(401).end('no');
    }
    if (path !== '/mcp') return sendJson(response, { person: owner, echo: request.headers });
    await answerMcpRequest(request, response, owner);
  });
  return resource;
}

async function ownerOf(
  request: IncomingMessage,
  resource: ResourceServer,
  server: AuthorizationServer,
): Promise<string | undefined> {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) return undefined;
  resource.tokens.push(token);
  if (resource.refused.has(token)) return undefined;
  const owner = await server.ownerOf(token);
  return owner?.audience === resource.url ? owner.person : undefined;
}

async function answerMcpRequest(request: IncomingMessage, response: ServerResponse, owner: string) {
  if (request.method !== 'POST') return void response.writeHead(405).end();
  const { id, method } = JSON.parse(await text(request));
  const results: Record<string, JsonObject> = {
    'server/discover': { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
    'tools/list': {
      tools: [{ name: 'whoami', description: 'Who am I?', inputSchema: { type: 'object' } }],
    },
    // A careless server, which repeats the token of the request.
    'tools/call': {
      content: [{ type: 'text', text: `${owner} with ${request.headers.authorization}` }],
    },
  };
  const known = results[method];
  const result = { resultType: 'complete', ttlMs: 0, cacheScope: 'private', ...known };
  const error = { code: -32601, message: `there is no ${method}` };
  response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id, ...(known ? { result } : { error }) }));
}

function sendJson(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
