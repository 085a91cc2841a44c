import type http from 'node:http';
import type { JsonObject } from '../../../src/json/json.ts';
import { type Seen, startServer, type TestServer } from '../../tools/servers.ts';

/** A call of JSON-RPC as received by an agent. */
export type Call = { method: string; params: Answer; seen: Seen };
// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
export type Answer = any;

/**
 * The reply to a call: its result, an error of the protocol, the events of a stream, or a response
 * that the handler has written itself. A stream that is left open ends with its connection.
 */
export type Reply =
  | { result: JsonObject }
  | { error: JsonObject }
  | { events: JsonObject[]; end?: 'open' | 'destroy' }
  | undefined;

export type AgentServer = TestServer & { calls: Call[]; methods(): string[] };

export type AgentServerOptions = {
  card?: JsonObject | ((url: string) => JsonObject);
  isStreaming?: boolean;
  on(call: Call, response: http.ServerResponse): Reply | Promise<Reply>;
};

/** Starts an agent that supports A2A 1.0 over JSON-RPC and answers by its handler. */
export async function startAgentServer(options: AgentServerOptions): Promise<AgentServer> {
  const calls: Call[] = [];
  const server = await startServer(async (seen, response) => {
    if (seen.method === 'GET' && seen.path === '/.well-known/agent-card.json') {
      const card = typeof options.card === 'function' ? options.card(server.url) : options.card;
      return json(response, { ...cardOf(server.url, options.isStreaming ?? true), ...card });
    }
    if (seen.method === 'GET') {
      const reply = await options.on({ method: 'GET', params: seen.path, seen }, response);
      return reply && json(response, reply);
    }
    const { id, method, params } = JSON.parse(seen.body);
    const call = { method, params, seen };
    calls.push(call);
    const reply = await options.on(call, response);
    if (!reply) return;
    if (!('events' in reply)) return json(response, { jsonrpc: '2.0', id, ...reply });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const result of reply.events) {
      response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`);
    }
    if (reply.end === 'destroy') setImmediate(() => response.destroy());
    else if (reply.end !== 'open') response.end();
  });
  return Object.assign(server, { calls, methods: () => calls.map(({ method }) => method) });
}

function json(response: http.ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function cardOf(url: string, streaming: boolean): JsonObject {
  return {
    name: 'remote',
    description: 'A remote agent.',
    version: '1',
    supportedInterfaces: [
      { url: `${url}/rpc`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
    ],
    capabilities: { streaming },
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [],
  };
}

const IDS = { taskId: 'task-1', contextId: 'context-1' };

/** Returns a task in a state, with the text of its status and its artifacts. */
export function task(state: string, said?: string | JsonObject[], artifacts: JsonObject[] = []) {
  return {
    id: IDS.taskId,
    contextId: IDS.contextId,
    status: statusOf(state, said),
    artifacts,
    history: [],
  };
}

export function statusUpdate(state: string, said?: string | JsonObject[]): JsonObject {
  return { statusUpdate: { ...IDS, status: statusOf(state, said) } };
}

export function artifactUpdate(text: string, append: boolean): JsonObject {
  return { artifactUpdate: { ...IDS, artifact: artifact([{ text }]), append, lastChunk: false } };
}

export function artifact(parts: JsonObject[], artifactId = 'answer'): JsonObject {
  return { artifactId, name: artifactId, parts };
}

function statusOf(state: string, said: string | JsonObject[] = []): JsonObject {
  const parts = typeof said === 'string' ? [{ text: said }] : said;
  const message = { messageId: 'status', ...IDS, role: 'ROLE_AGENT', parts };
  return { state: `TASK_STATE_${state}`, ...(parts.length > 0 ? { message } : {}) };
}
