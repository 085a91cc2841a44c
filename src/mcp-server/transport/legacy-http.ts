import {
  type JSONRPCRequest,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { cancelToolRun, findLive, findQuestion } from '../../db/mcp/offered-tools.ts';
import { queriesWithin } from '../../db/queries/queries.ts';
import { type Question, questionsInTheWay } from '../../db/queries/questions.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import type { Caller } from '../caller.ts';
import { type Asking, submitReply } from '../calls/call-tool.ts';
import {
  abilitiesOf,
  requestFor,
  responseTo,
  type ClientResponse as Said,
} from '../calls/client-input.ts';
import { createMcpServer } from '../mcp-server.ts';
import { serveStream } from './legacy-stream.ts';
import { type McpSession, mintSession, readSession, sessionDigest } from './session-id.ts';
import { type SessionSubscriptions, storedSubscriptions } from './session-subscriptions.ts';

const SESSION_HEADER = 'mcp-session-id';
/**
 * Pattern of the ids of our requests that ask a person. The id names the question, so that any
 * process can handle the answer.
 */
const QUESTION_REQUEST_ID = /^question:([0-9a-f-]{36}):\d+$/;

export type LegacyRequest = {
  request: Request;
  body: Json | undefined;
  caller: Caller;
  onDisconnect: 'continue' | 'cancel' | undefined;
  isClosing(): boolean;
  onError(error: unknown): void;
};

/**
 * Serves revisions up to 2025-11-25, which assume a connection that lasts. `initialize` states once
 * what the client can do. Another request answers an elicitation, or cancels a call. The state for
 * this is in the id of the session, in the id of the elicitation, which names the question, and in
 * the metadata of the run.
 */
export async function serveLegacy(legacyRequest: LegacyRequest): Promise<Response> {
  const { request, body, caller } = legacyRequest;
  const sessionId = request.headers.get(SESSION_HEADER);
  const isStream = request.method === 'GET' && sessionId !== null;
  if (request.method !== 'POST' && !isStream) {
    return refusal(405, -32_000, 'Method not allowed.', sessionId === null ? 'POST' : 'GET, POST');
  }
  const session = sessionId === null ? undefined : readSession(sessionId, caller.key);
  if (sessionId !== null && !session) return refusal(404, -32_001, 'Session not found');
  if (isStream && session) return serveStream(legacyRequest, subscriptionsFor(caller, session));
  if (Array.isArray(body))
    return refusal(400, -32_600, 'Batches are not supported. Send one message per request.');
  if (isJsonObject(body)) {
    if (body.method === undefined && body.id !== undefined)
      return receiveAnswer(legacyRequest, body);
    if (body.method === 'notifications/cancelled' && session)
      return cancel(legacyRequest, body, session);
  }
  return answer(legacyRequest, session);
}

function refusal(status: number, code: number, message: string, allow?: string): Response {
  const headers = allow === undefined ? {} : { allow };
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status, headers });
}

const acceptedResponse = () => new Response(null, { status: 202 });

function subscriptionsFor(caller: Caller, { id }: McpSession): SessionSubscriptions {
  return storedSubscriptions(caller, sessionDigest(id));
}

/** Answers a request by a server and a transport of its own. */
async function answer(
  legacyRequest: LegacyRequest,
  session: McpSession | undefined,
): Promise<Response> {
  const { request, body, caller, onDisconnect = 'continue', isClosing } = legacyRequest;
  const transport = new WebStandardStreamableHTTPServerTransport({});
  const can = session?.can ?? abilitiesOf(undefined);
  let asks = 0;
  const ask = async (requestId: Json, question: Question, fault: string | null) => {
    asks += 1;
    const message: JSONRPCRequest = {
      jsonrpc: '2.0',
      id: `question:${question.id}:${asks}`,
      ...requestFor(question, fault, can),
    };
    await transport.send(message, { relatedRequestId: requestId as string | number });
  };
  const server = createMcpServer({
    caller,
    onDisconnect,
    isClosing,
    session: session && subscriptionsFor(caller, session),
    asking: ({ mcpReq }): Asking => ({
      by: 'request',
      can,
      ask: (question, fault) => ask(mcpReq.id, question, fault),
    }),
    metadataOf: ({ mcpReq }) => (session ? metadataOf(session, mcpReq.id) : {}),
  });
  server.onerror = legacyRequest.onError;
  await server.connect(transport);
  const leave = () => void server.close().catch(legacyRequest.onError);
  request.signal.addEventListener('abort', leave, { once: true });
  if (request.signal.aborted) leave(); // the client left before the server was there
  const response = await transport.handleRequest(request, { parsedBody: body });
  if (isJsonObject(body) && body.method === 'initialize' && response.ok) {
    response.headers.set(
      SESSION_HEADER,
      mintSession(caller.key, abilitiesOf(claimedCapabilities(body))),
    );
  }
  return response;
}

function claimedCapabilities({ params }: JsonObject): Parameters<typeof abilitiesOf>[0] {
  const capabilities = isJsonObject(params) ? params.capabilities : undefined;
  if (!isJsonObject(capabilities)) return undefined;
  const { elicitation, sampling } = capabilities;
  return {
    ...(isJsonObject(elicitation ?? null) && { elicitation: elicitation as object }),
    ...(isJsonObject(sampling ?? null) && { sampling: sampling as object }),
  };
}

function metadataOf({ id }: McpSession, request: Json): JsonObject {
  return { mcp_session: sessionDigest(id), mcp_request: request };
}

/**
 * Cancels the run of a call that the client has cancelled. Does nothing if the run does not exist
 * yet, or no longer.
 */
async function cancel(
  { body, caller }: LegacyRequest,
  { params }: JsonObject,
  session: McpSession,
): Promise<Response> {
  const request = isJsonObject(params) ? params.requestId : undefined;
  if (typeof request === 'string' || typeof request === 'number') {
    await caller.transact(async (client) => {
      const run = await findLive(client, metadataOf(session, request));
      if (run !== undefined) await cancelToolRun(client, run);
    });
  }
  return body === undefined ? refusal(400, -32_700, 'Parse error') : acceptedResponse();
}

/** Handles the answer of a person who was asked. */
async function receiveAnswer(
  { caller }: LegacyRequest,
  { id, result }: JsonObject,
): Promise<Response> {
  const [, questionId] = QUESTION_REQUEST_ID.exec(String(id)) ?? [];
  if (questionId === undefined) return acceptedResponse();
  const { root, question } = await caller.transact(async (client) => {
    const found = await findQuestion(client, questionId);
    const open = found && (await questionsInTheWay(queriesWithin(client), found.root_execution_id));
    return { root: found?.root_execution_id, question: open?.find((one) => one.id === questionId) };
  });
  if (root === undefined || !question) return acceptedResponse(); // nobody waits for the answer any more
  const reply = responseTo(question, result);
  const outcome = reply ? await storeAnswer(caller, question, reply) : { fault: null };
  if (outcome) await caller.announceUnanswered(root, questionId, outcome.fault);
  return acceptedResponse();
}

/**
 * Stores an answer. Returns undefined if the answer counts, else its fault. A person who may not
 * answer is not asked again.
 */
async function storeAnswer(caller: Caller, question: Question, reply: NonNullable<Said>) {
  try {
    const fault = await submitReply(caller, question, reply);
    return fault === null ? undefined : { fault };
  } catch (error) {
    caller.explain(error); // logs the error if it is no rejection
    return { fault: null };
  }
}
