import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { LimitRefusal } from '../../db/access/request-limits.ts';
import { displayable, displayableJson } from '../../text/displayable.ts';
import { securityHeaders } from '../http/security-headers.ts';
import type { Refusal } from '../login/auth-result.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/**
 * An error of HTTP as RFC 9457 writes it: `title` is the status in words, `detail` says what to do, `code` is for programs:
 * one of `sql/ERRORS.md`.
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

/** Answers with a problem where no framework does. */
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
 * Answers who was not let in. The problem has a member `errors` besides, as results of GraphQL have, so that a client
 * of GraphQL shows the sentence without knowing of problems.
 */
export function sendRefusal(response: ServerResponse, refusal: Refusal): void {
  const { status, code, reason, message, hint } = refusal;
  if (status === 503) response.setHeader('retry-after', '5');
  else response.setHeader('www-authenticate', challengeOf(reason));
  const errors = [{ message, extensions: { code, hint, detail: { reason } } }];
  sendProblem(response, status, code, message, { hint, reason, errors });
}

/** Answers a request beyond a limit: 429 with Retry-After, in seconds. With `errors` as above. */
export function sendLimitRefusal(response: ServerResponse, refusal: LimitRefusal): void {
  const { message, hint, detail } = refusal;
  if (detail.retry_after_seconds !== null) {
    response.setHeader('retry-after', `${detail.retry_after_seconds}`);
  }
  const errors = [{ message, extensions: { code: 'HWQTA', hint, detail } }];
  sendProblem(response, 429, 'HWQTA', message, { hint, ...detail, errors });
}

/** Answers what is no request of GraphQL, as `sendRefusal` does. */
export function sendFault(
  response: ServerResponse,
  { status, message, hint }: { status: number; message: string; hint?: string },
): void {
  const code = 'HWINV';
  const errors = [{ message, extensions: { code, ...(hint !== undefined && { hint }) } }];
  sendProblem(response, status, code, message, { hint, errors });
}

/** Answers with a problem on a socket that has no response, as a request for an upgrade, and hangs up. */
export function answerBare(
  socket: Duplex,
  status: number,
  code: string,
  detail: string,
  more: Readonly<Record<string, string>> = {},
): void {
  const { headers, body } = problem(status, code, detail);
  const lines = Object.entries({ ...securityHeaders(), ...headers, ...more, connection: 'close' });
  socket.on('error', () => {}); // who hung up already
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      ...lines.map(([name, value]) => `${name}: ${value}`),
      '',
      body,
    ].join('\r\n'),
  );
}

function challengeOf(reason: Refusal['reason']): string {
  return reason === 'missing' ? 'Bearer' : 'Bearer error="invalid_token"';
}
