import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { problem, sendProblem } from '../errors/problem.ts';
import { shownPath } from '../http/path.ts';
import { BUSY, RETRY_AFTER } from '../http/request-queue.ts';
import type { CallerNames, TokenOf } from '../login/process-logins.ts';
import { answerFetch } from './fetch-handler.ts';
import type { OpenConnection } from './forward-request.ts';
import { answerNode } from './node-handler.ts';
import { normalizePrefix, stripPrefix } from './prefix.ts';

/** An API without a port, which a handler passes requests to. */
export type MountableApi = {
  /** True once the API takes no new requests. */
  readonly isClosing: boolean;
  connect: OpenConnection;
  /** Passes on a request to upgrade to a WebSocket, whose address is that of the API. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
};

export type MountOptions = {
  /**
   * The path of the mount as clients see it, such as `/howdah`. In Express it defaults to the path
   * of `app.use(path, handler)`.
   */
  prefix?: string;
  /**
   * Returns the tenant and the user of a request that the program has logged in by its own means.
   * If it returns undefined, the `Authorization` header of the request is used.
   */
  authenticate?: (request: Request | IncomingMessage) => Awaitable<CallerNames | undefined>;
};

type Awaitable<T> = T | Promise<T>;

/** A handler of the whole API, for frameworks with Fetch handlers or with Node middleware. */
export type Handler = {
  (request: Request, context?: unknown): Promise<Response>;
  (
    request: IncomingMessage,
    response: ServerResponse,
    next?: (error?: unknown) => void,
  ): Promise<void>;
};

type ExpressRequest = { originalUrl?: string; baseUrl?: string };
type Next = (error?: unknown) => void;

const CLOSING = 'Howdah is shutting down; send the request again.';

/** Returns the headers that log a request in, if the program has authenticated it. */
type Authorize = (request: Request | IncomingMessage) => Promise<{ authorization?: string }>;

type Mount = { api: MountableApi; prefix: string | undefined; authorize: Authorize };

/** Creates a handler. Throws `HWINV` for a prefix that is no path. */
export function createHandler(
  api: MountableApi,
  tokenOf: TokenOf,
  options: MountOptions = {},
): Handler {
  const prefix = options.prefix === undefined ? undefined : normalizePrefix(options.prefix);
  const mount = { api, prefix, authorize: createAuthorize(tokenOf, options) };
  const handle = (request: Request | IncomingMessage, response?: unknown, next?: Next) =>
    'rawHeaders' in request
      ? handleNode(mount, request, response as ServerResponse, next)
      : handleFetch(mount, request);
  return handle as Handler;
}

function createAuthorize(tokenOf: TokenOf, { authenticate }: MountOptions): Authorize {
  return async (request) => {
    const caller = await authenticate?.(request);
    return caller ? { authorization: `Bearer ${await tokenOf(caller)}` } : {};
  };
}

/**
 * Passes WebSockets below the prefix from a Node server to the API. Other WebSockets are left to
 * the other listeners of the server. Returns a function that detaches the API.
 */
export function attachSockets(
  api: MountableApi,
  tokenOf: TokenOf,
  server: Pick<Server, 'on' | 'off'>,
  options: MountOptions = {},
): () => void {
  const prefix = normalizePrefix(options.prefix ?? '');
  const authorize = createAuthorize(tokenOf, options);
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const path = stripPrefix(request.url ?? '/', prefix);
    if (path === undefined) return;
    socket.on('error', () => socket.destroy());
    authorize(request).then(
      (headers) => {
        Object.assign(request.headers, headers);
        request.url = path;
        api.upgrade(request, socket, head);
      },
      () => socket.destroy(),
    );
  };
  server.on('upgrade', onUpgrade);
  return () => void server.off('upgrade', onUpgrade);
}

async function handleFetch(mount: Mount, request: Request): Promise<Response> {
  const { api, prefix = '', authorize } = mount;
  const { pathname, search } = new URL(request.url);
  const path = stripPrefix(`${pathname}${search}`, prefix);
  if (path === undefined) return problemResponse(404, 'HWNTF', notMounted(pathname, prefix));
  if (api.isClosing) return problemResponse(503, BUSY, CLOSING, { 'retry-after': RETRY_AFTER });
  const headers = await authorize(request);
  return answerFetch(api.connect, request, { path, prefix, headers });
}

async function handleNode(
  { api, prefix, authorize }: Mount,
  request: IncomingMessage & ExpressRequest,
  response: ServerResponse,
  next: Next | undefined,
): Promise<void> {
  const url = request.url ?? '/';
  const path =
    prefix === undefined ? stripPrefix(url, '') : stripPrefix(request.originalUrl ?? url, prefix);
  if (path === undefined) {
    if (next) return next();
    return sendProblem(response, 404, 'HWNTF', notMounted(url, prefix ?? ''));
  }
  if (api.isClosing) {
    response.setHeader('retry-after', RETRY_AFTER);
    return sendProblem(response, 503, BUSY, CLOSING);
  }
  try {
    const headers = await authorize(request);
    const below = { path, prefix: prefix ?? request.baseUrl ?? '', headers };
    await answerNode(api.connect, request, response, below);
  } catch (error) {
    // Once headers are sent, only a closed connection shows the client that the body is incomplete.
    if (response.headersSent || response.destroyed) response.destroy();
    else if (next) next(error);
    else throw error;
  }
}

function notMounted(url: string, prefix: string): string {
  return `${shownPath(url)} is not below the prefix of Howdah, ${prefix}.`;
}

function problemResponse(
  status: number,
  code: string,
  detail: string,
  more: Record<string, string> = {},
): Response {
  const { headers, body } = problem(status, code, detail);
  return new Response(body, { status, headers: { ...headers, ...more } });
}
