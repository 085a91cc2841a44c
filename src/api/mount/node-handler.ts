import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { sendProblem } from '../errors/problem.ts';
import { hostLine } from '../http/loopback-guard.ts';
import { leftSignal } from '../limits/connection-draining.ts';
import {
  endToEndHeaders,
  forwardRequest,
  type MountedRequest,
  type OpenConnection,
} from './forward-request.ts';
import { prefixPaths } from './prefix.ts';

/** Answers a request of a Node server. Resolves when the response is complete. */
export async function answerNode(
  open: OpenConnection,
  request: IncomingMessage,
  response: ServerResponse,
  { path, prefix, headers }: MountedRequest,
): Promise<void> {
  const hasBody = announcesBody(request);
  if (hasBody && request.readableDidRead) return refuseReadBody(response);
  const signal = leftSignal(response);
  const { remoteAddress } = request.socket;
  const sender = { remoteAddress, clientHttpVersion: request.httpVersion, mountPrefix: prefix };
  const connection = open(sender);
  const answer = await forwardRequest(connection, {
    ...{ method: request.method ?? 'GET', path, signal },
    headers: { ...request.headers, host: hostLine(request), ...headers },
    body: hasBody ? request : undefined,
  });
  response.writeHead(
    answer.statusCode ?? 502,
    prefixPaths(endToEndHeaders(answer.headers), prefix),
  );
  response.flushHeaders();
  await pipeline(answer, response);
}

/** Returns whether the headers of a request announce a body. */
function announcesBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}

function refuseReadBody(response: ServerResponse): void {
  sendProblem(
    response,
    500,
    'HWINV',
    'The body of the request was read before Howdah received the request. Mount howdah.handler() before body parsers such as express.json().',
  );
}
