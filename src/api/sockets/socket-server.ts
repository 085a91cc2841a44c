import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { answerBare } from '../errors/problem.ts';
import { BUSY } from '../http/request-queue.ts';
import { MAX_REQUEST_BYTES, type ServerLimits } from '../http/server-limits.ts';
import type { StreamLimits } from '../limits/stream-limits.ts';

/** Time that clients have to close their ends, in milliseconds. */
const FAREWELL_MS = 1_000;
const GOING_AWAY = 1001;

/** A request to open a WebSocket, as the event `upgrade` of a server passes it. */
export type Upgrade = [request: IncomingMessage, socket: Duplex, head: Buffer];
export type UpgradeLimits = {
  limits: Pick<StreamLimits, 'isFull'>;
  bounds: Pick<ServerLimits, 'sockets'>;
};

/** Creates a server of WebSockets that listens on no port. */
export function createSocketServer(): WebSocketServer {
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_REQUEST_BYTES });
  return server.on('wsClientError', ({ message }, socket, { method }) => {
    const detail = `The WebSocket handshake is not valid: ${message}.`;
    answerBare(socket, method === 'GET' ? 400 : 405, 'HWINV', detail);
  });
}

/** Opens a WebSocket and passes it to `open`. Answers 503 when there are too many already. */
export function acceptUpgrade(
  server: WebSocketServer,
  { limits, bounds }: UpgradeLimits,
  [request, socket, head]: Upgrade,
  open: (client: WebSocket, request: IncomingMessage) => void,
): void {
  if (limits.isFull) {
    const detail = `This server has reached its limit of ${bounds.sockets} open streams and sockets. Try again later.`;
    answerBare(socket, 503, BUSY, detail, { 'retry-after': '5' });
  } else server.handleUpgrade(request, socket, head, open);
}

/** Asks every client to close its connection (1001), and terminates connections that stay open. */
export async function closeSockets(server: WebSocketServer): Promise<void> {
  const closed = [...server.clients].map(
    (socket) => new Promise((resolve) => socket.once('close', resolve)),
  );
  for (const socket of server.clients) socket.close(GOING_AWAY, 'the server is shutting down');
  await terminateLate(server, Promise.all(closed));
  server.close();
}

/** Waits until all sockets have closed, and terminates those that take too long. */
export async function terminateLate(
  { clients }: WebSocketServer,
  closed: Promise<unknown>,
): Promise<void> {
  const timer = setTimeout(() => {
    for (const socket of clients) socket.terminate();
  }, FAREWELL_MS);
  await closed;
  clearTimeout(timer);
}
