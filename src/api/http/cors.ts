import type { IncomingMessage, ServerResponse } from 'node:http';

type Asking = Pick<IncomingMessage, 'headers'>;

/**
 * Whether a page may ask us: it stands on this server (its Origin is our Host), or its Origin is listed. A request
 * without an Origin comes from no page.
 */
export function originIsAllowed({ headers }: Asking, listed: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || listed.includes(origin)) return true;
  return URL.parse(origin)?.host === host?.toLowerCase();
}

/** Tells the browser that a listed Origin may read the answer. */
export function allowReading(
  { headers }: Asking,
  response: ServerResponse,
  listed: readonly string[],
): void {
  if (listed.length === 0) return;
  response.setHeader('vary', 'Origin');
  if (headers.origin === undefined || !listed.includes(headers.origin)) return;
  response.setHeader('access-control-allow-origin', headers.origin);
  response.setHeader(
    'access-control-expose-headers',
    'ETag, Link, Location, Retry-After, WWW-Authenticate, Mcp-Session-Id, X-Howdah-LSN, X-Request-Id, X-Should-Retry',
  );
}

/** Whether a browser asks beforehand what it may send. */
export function isPreflight({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>) {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

/** What we read of a request. */
const READ = [
  ...[
    'Authorization',
    'Content-Type',
    'Idempotency-Key',
    'If-Match',
    'If-None-Match',
    'Last-Event-ID',
    'X-Howdah-LSN',
  ],
  ...[
    'Mcp-Session-Id',
    'Mcp-Protocol-Version',
    'Mcp-Method',
    'Mcp-Name',
    'A2A-Version',
    'X-Howdah-On-Disconnect',
  ],
];
/** What clients of OpenAI say of themselves with every request, and nobody here reads. */
const OF_OPENAI = /^(x-stainless-[a-z-]{1,40}|openai-(organization|project|beta))$/i;

/** Answers that; `allowReading` has said to whom. There are no cookies, so no credentials are allowed. */
export function answerPreflight({ headers }: Asking, response: ServerResponse): void {
  const asked = `${headers['access-control-request-headers'] ?? ''}`.split(',');
  const own = asked.map((name) => name.trim()).filter((name) => OF_OPENAI.test(name));
  response
    .writeHead(204, {
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': [...READ, ...own].join(', '),
      'access-control-max-age': '600',
    })
    .end();
}
