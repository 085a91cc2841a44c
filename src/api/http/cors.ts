import type { IncomingMessage, ServerResponse } from 'node:http';

type Asking = Pick<IncomingMessage, 'headers'>;

/**
 * Returns whether a page may call this server. The page must be of this server (its Origin is the
 * Host), or its Origin must be listed. A request without an Origin does not come from a page.
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

/** Returns whether a request is a preflight, by which a browser asks what it may send. */
export function isPreflight({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>) {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

/** The request headers that the server reads. */
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
/** Headers that OpenAI clients send with every request and that the server ignores. */
const OF_OPENAI = /^(x-stainless-[a-z-]{1,40}|openai-(organization|project|beta))$/i;

/**
 * Answers a preflight. `allowReading` has set the header for the Origin. There are no cookies, so
 * credentials are not allowed.
 */
export function answerPreflight({ headers }: Asking, response: ServerResponse): void {
  const requested = `${headers['access-control-request-headers'] ?? ''}`.split(',');
  const own = requested.map((name) => name.trim()).filter((name) => OF_OPENAI.test(name));
  response
    .writeHead(204, {
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': [...READ, ...own].join(', '),
      'access-control-max-age': '600',
    })
    .end();
}
