import { type ServerResponse, STATUS_CODES } from 'node:http';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** An error of HTTP as RFC 9457 writes it: `title` is the status in words, `detail` says what to do. */
export function problem(
  status: number,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
): { headers: Record<string, string>; body: string } {
  const title = STATUS_CODES[status] ?? 'Error';
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, ...more });
  const headers = { 'content-type': PROBLEM_TYPE, 'content-length': `${Buffer.byteLength(body)}` };
  return { headers, body };
}

/** Answers with a problem where no framework does. */
export function sendProblem(response: ServerResponse, status: number, detail: string): void {
  const { headers, body } = problem(status, detail);
  response.writeHead(status, headers).end(body);
}
