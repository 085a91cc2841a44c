import type { IncomingMessage, ServerResponse } from 'node:http';
import { lazy } from '../../concurrency/lazy.ts';
import type { Caller } from '../../mcp-server/caller.ts';
import type { McpHttp, McpRequest } from '../../mcp-server/transport/mcp-http.ts';
import {
  type ErrorAnswer,
  type ErrorLog,
  errorAnswerOf,
  problemOf,
} from '../errors/answer-error.ts';
import { sendProblem } from '../errors/problem.ts';
import { readJson } from '../http/json-body.ts';
import { pathOf } from '../http/path.ts';
import { RETRY_AFTER } from '../http/request-queue.ts';
import { whenClosed } from '../limits/connection-draining.ts';
import type { StreamLimits } from '../limits/stream-limits.ts';
import { type AdmitOptions, admitRequest } from '../login/admit-request.ts';
import type { Identity } from '../login/auth-result.ts';
import { mostBytesFor } from '../login/rights.ts';
import { boundMessage } from './bound-message.ts';
import { type CallersOptions, createCallers } from './mcp-callers.ts';
import { sendResponse } from './send-response.ts';

export type McpOptions = CallersOptions & AdmitOptions & { limits: StreamLimits };

export type McpEndpoint = {
  serves(path: string): boolean;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /**
   * Ends the open requests. Is called before the HTTP server closes, because the server waits for
   * them.
   */
  close(): Promise<void>;
};

/**
 * Creates the endpoint `/mcp`. Requests are authenticated and counted as in the other protocols,
 * and then passed to the MCP library.
 */
export function createMcpEndpoint(options: McpOptions): McpEndpoint {
  const callerOf = createCallers(options);
  const mcp = createLazyMcpHttp();
  const answering = new Set<AbortController>();
  return {
    serves: (path) => path === '/mcp',
    async handle(request, response) {
      const identity = await admit(request, response, options);
      if (!identity) return;
      const caller = callerOf(identity, request.socket.remoteAddress);
      const message = await readMessage(request, response, caller, options.onError);
      if (!message) return;
      const leaving = new AbortController();
      answering.add(leaving);
      whenClosed(response, () => leaving.abort());
      try {
        const forwarded = webRequest(request, leaving.signal);
        const answer = await mcp.handle({ request: forwarded, caller, ...message });
        await sendResponse(response, answer);
      } catch (error) {
        if (leaving.signal.aborted) return;
        options.onError(error, 'mcp');
        if (response.headersSent) response.destroy();
        else sendProblem(response, 500, 'EINTERNAL', 'Internal error; see the log of the server.');
      } finally {
        answering.delete(leaving);
      }
    },
    async close() {
      await mcp.close();
      for (const leaving of answering) leaving.abort();
    },
  };
}

/** Authenticates and counts a request. Answers a rejected request, and returns undefined for it. */
async function admit(
  request: IncomingMessage,
  response: ServerResponse,
  options: McpOptions,
): Promise<Identity | undefined> {
  const identity = await admitRequest(request, response, options);
  if (!identity) return undefined;
  try {
    whenClosed(response, options.limits.open(identity));
    return identity;
  } catch (error) {
    return void sendFailure(response, errorAnswerOf(error, options.onError));
  }
}

/**
 * Reads what a request asks for. Answers an invalid request, and returns undefined for it, or if
 * the client has disconnected.
 */
async function readMessage(
  request: IncomingMessage,
  response: ServerResponse,
  { transact }: Caller,
  onError: ErrorLog,
): Promise<Pick<McpRequest, 'body' | 'onDisconnect'> | undefined> {
  const onDisconnect = disconnectOf(request.url);
  if (onDisconnect === 'unknown') {
    const detail = 'on_disconnect must be continue or cancel.';
    return void sendProblem(response, 400, 'HWINV', detail, { field: 'on_disconnect' });
  }
  const mostBytes = await mostBytesFor({ transaction: transact }, request.headers).catch((error) =>
    errorAnswerOf(error, onError),
  );
  if (typeof mostBytes !== 'number') return void sendFailure(response, mostBytes);
  const read = await bodyOf(request, response, mostBytes);
  return read && { body: read.value, onDisconnect };
}

/** Loads the protocol with the first request, because it takes 0.15 s of CPU and 34 MB. */
function createLazyMcpHttp(): McpHttp {
  let isClosed = false;
  const mcp = lazy(async (): Promise<McpHttp> => {
    const { createMcpHttp } = await import('../../mcp-server/transport/mcp-http.ts');
    const opened = createMcpHttp(() => {}); // Clients get their own errors, which are not logged.
    if (isClosed) await opened.close();
    return opened;
  });
  return {
    handle: async (request) => (await mcp.get()).handle(request),
    async close() {
      isClosed = true;
      await (await mcp.ifLoaded())?.close();
    },
  };
}

function sendFailure(response: ServerResponse, failure: ErrorAnswer): void {
  if (failure.status === 503) response.setHeader('retry-after', RETRY_AFTER);
  const { headers, body } = problemOf(failure);
  response.writeHead(failure.status, headers).end(body);
}

/**
 * Reads `on_disconnect` from the URL, because clients are configured with a URL and little else.
 */
function disconnectOf(url = ''): 'continue' | 'cancel' | 'unknown' | undefined {
  const word = new URLSearchParams(url.slice(pathOf(url).length)).get('on_disconnect');
  if (word === null) return undefined;
  return word === 'continue' || word === 'cancel' ? word : 'unknown';
}

/**
 * Reads the body of a request. Answers a request without valid JSON, and returns undefined for it.
 */
async function bodyOf(request: IncomingMessage, response: ServerResponse, mostBytes: number) {
  if (request.method !== 'POST') return { value: undefined };
  const body = boundMessage(await readJson(request, mostBytes));
  if (body.ok) return { value: body.value };
  if (body.fault === 'gone') return undefined;
  const { status, message, hint } = body.fault;
  sendProblem(response, status, 'HWINV', message, hint === undefined ? {} : { hint });
  return undefined;
}

/**
 * Returns the request for the MCP library, without its credentials and without its body, which is
 * already read.
 */
function webRequest(
  { method = 'GET', headers, url }: IncomingMessage,
  signal: AbortSignal,
): Request {
  const forwardedHeaders = Object.entries(headers).flatMap(([name, value]) =>
    typeof value === 'string' && !NOT_FORWARDED.has(name)
      ? [[name, value] as [string, string]]
      : [],
  );
  return new Request(new URL(url ?? '/', 'http://howdah'), {
    method,
    headers: forwardedHeaders,
    signal,
  });
}
const NOT_FORWARDED = new Set([
  'authorization',
  'content-length',
  'connection',
  'transfer-encoding',
]);
