import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { LimitRefusal } from '../../db/access/request-limits.ts';
import { displayable, displayableJson } from '../../text/displayable.ts';
import { securityHeaders } from '../http/security-headers.ts';
import type { LoginRefusal } from '../login/auth-result.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/**
 * Formats an HTTP error as RFC 9457 defines it. `title` is the status in words, `detail` says what
 * to do, and `code` is for programs: a code of `sql/ERRORS.md`.
 */
export function problem(
  status: number,
  code: string,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
): { headers: Record<string, string>; body: string } {
  const title = STATUS_CODES[status] ?? 'Error';
  const body = displayableJson({
    ...{ type: 'about:blank', title, status, detail: displayable(detail), code },
    ...more,
  });
  const headers = { 'content-type': PROBLEM_TYPE, 'content-length': `${Buffer.byteLength(body)}` };
  return { headers, body };
}

/** Answers with a problem where no framework writes the response. */
export function sendProblem(
  response: ServerResponse,
  status: number,
  code: string,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const { headers, body } = problem(status, code, detail, more);
  response.writeHead(status, headers).end(body);
}

/**
 * Answers a request that was not let in. The problem also has a member `errors`, as GraphQL results
 * have, so that a GraphQL client shows the message even if it does not know problems.
 */
export function sendRefusal(response: ServerResponse, refusal: LoginRefusal): void {
  const { status, code, reason, message, hint } = refusal;
  if (status === 503) response.setHeader('retry-after', '5');
  else response.setHeader('www-authenticate', challengeOf(reason));
  const errors = [{ message, extensions: { code, hint, detail: { reason } } }];
  sendProblem(response, status, code, message, { hint, reason, errors });
}

/**
 * Answers a request beyond a limit with 429 and Retry-After, in seconds. The problem has a member
 * `errors`, as in `sendRefusal`.
 */
export function sendLimitRefusal(response: ServerResponse, refusal: LimitRefusal): void {
  const { message, hint, detail } = refusal;
  if (detail.retry_after_seconds !== null) {
    response.setHeader('retry-after', `${detail.retry_after_seconds}`);
  }
  const errors = [{ message, extensions: { code: 'HWQTA', hint, detail } }];
  sendProblem(response, 429, 'HWQTA', message, { hint, ...detail, errors });
}

/**
 * Answers a request that is not a GraphQL request. The problem has a member `errors`, as in
 * `sendRefusal`.
 */
export function sendFault(
  response: ServerResponse,
  { status, message, hint }: { status: number; message: string; hint?: string },
): void {
  const code = 'HWINV';
  const errors = [{ message, extensions: { code, ...(hint !== undefined && { hint }) } }];
  sendProblem(response, status, code, message, { hint, errors });
}

/**
 * Answers with a problem on a socket without a response, such as that of an upgrade request, and
 * closes the socket.
 */
export function answerBare(
  socket: Duplex,
  status: number,
  code: string,
  detail: string,
  more: Readonly<Record<string, string>> = {},
): void {
  const { headers, body } = problem(status, code, detail);
  const lines = Object.entries({ ...securityHeaders(), ...headers, ...more, connection: 'close' });
  socket.on('error', () => {}); // the client may have closed the socket
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      ...lines.map(([name, value]) => `${name}: ${value}`),
      '',
      body,
    ].join('\r\n'),
  );
}

function challengeOf(reason: LoginRefusal['reason']): string {
  return reason === 'missing' ? 'Bearer' : 'Bearer error="invalid_token"';
}
