import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import {
  type ProtocolRequest,
  registerConversationEndpoint,
} from '../conversation-protocols/conversation-endpoint.ts';
import type { OpenRequests } from '../limits/open-requests.ts';
import type { RestOptions } from '../rest/serve.ts';
import type { RpcId } from './a2a-schema.ts';
import { type BaseUrlOptions, type BaseUrls, createBaseUrls } from './base-url.ts';
import { cardOf, findAgentCard } from './card.ts';
import { readCall, Unreadable } from './read-call.ts';
import { retryAfterOf, rpcError } from './rpc-errors.ts';
import { serveCall } from './serve-call.ts';

/** The path of a card, below the address of the agent or workflow. */
const CARD = '/.well-known/agent-card.json';

/**
 * Registers the endpoint for agents of other systems, by A2A over JSON-RPC. Each agent and workflow
 * has an address and a card. The card of the current agent is also at the root. Runs are tasks, and
 * sessions are contexts. Questions ask for input, and answers are artifacts.
 */
export function a2aRoutes(
  app: FastifyInstance,
  options: RestOptions & Pick<Config, 'auth'> & BaseUrlOptions,
): OpenRequests {
  const isLocked = options.auth === 'required';
  const base = createBaseUrls(options);
  return registerConversationEndpoint(app, 'a2a', options, (scope, { handlerOf }) => {
    const card = handlerOf((protocolRequest) => sendCard(protocolRequest, base, isLocked));
    scope.get(CARD, card);
    scope.get(`/a2a/:agent${CARD}`, card);
    scope.post(
      '/a2a/:agent',
      handlerOf((protocolRequest) => serve(protocolRequest, base)),
    );
  });
}

async function sendCard(
  { request, reply, transaction }: ProtocolRequest,
  base: BaseUrls,
  isLocked: boolean,
): Promise<void> {
  const { agent } = request.params as { agent?: string };
  const described = await transaction((db) => findAgentCard(db, agent));
  if (!described) throw noAgent(agent);
  const isNew = request.headers['a2a-version'] === '1.0';
  reply.header('cache-control', 'no-store').header('vary', 'A2A-Version');
  reply.send(cardOf(described, { base: base.ofCard(request), isLocked, isNew }));
}

async function serve(protocolRequest: ProtocolRequest, base: BaseUrls): Promise<void> {
  const { request, reply, transaction, failureOf } = protocolRequest;
  const { agent } = request.params as { agent: string };
  let id: RpcId = null;
  try {
    const call = await readCall(protocolRequest);
    if (!call) return;
    id = call.id;
    if (!(await transaction((db) => findAgentCard(db, agent)))) throw noAgent(agent);
    await serveCall({ protocolRequest, call, agent, base: base.ofFiles(request) });
  } catch (error) {
    // An error of HTTP, not of the protocol.
    if (error instanceof RequestRefusal && error.status !== 400) throw error;
    if (error instanceof Unreadable) id = error.id;
    if (protocolRequest.openRequest.signal.reason === 'gone') return;
    const rpcFailure = rpcError(error, failureOf);
    reply.header('cache-control', 'no-store').type('application/json; charset=utf-8');
    reply
      .headers(retryAfterOf(rpcFailure))
      .send(JSON.stringify({ jsonrpc: '2.0', id, error: rpcFailure }));
  }
}

/** Returns the error that the start of a run gives for an unknown agent or workflow. */
function noAgent(name = ''): RequestRefusal {
  const shownName = name.slice(0, 200);
  return new RequestRefusal(404, `there is no agent or workflow named ${shownName}`, {
    code: 'HWNTF',
    hint: 'GET /api/agents lists the agents that you see.',
    detail: { agent: shownName },
  });
}
