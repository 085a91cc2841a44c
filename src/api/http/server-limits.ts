import { MAX_CONNECTIONS } from '../../db/connection/connection-limits.ts';

/**
 * The limits of what a server does at the same time. Work beyond a limit is rejected at once, so
 * that the rest is answered in time.
 */
export type ServerLimits = Readonly<{
  /** Connections to the database that requests share. */
  connections: number;
  /** Requests that wait for their turn; two requests per connection run at the same time. */
  waiting: number;
  /** Milliseconds a request waits for its turn. */
  waitMs: number;
  /** Milliseconds a request may take to arrive, its body included. */
  requestMs: number;
  /** Open connections: streams, sockets, and answers that a client waits for. */
  sockets: number;
  /** Open streams, sockets, subscriptions and waits of one tenant. */
  tenantStreams: number;
  /** Open streams, sockets, subscriptions and waits of one user. */
  userStreams: number;
  /** WebSockets without a login. Beyond this number the oldest of them is closed. */
  unauthenticatedSockets: number;
  /** Operations under way on one WebSocket. */
  operations: number;
}>;

/** The default limits of `howdah api` and `howdah start`. */
export const defaultServerLimits: ServerLimits = Object.freeze({
  connections: MAX_CONNECTIONS.api.requests,
  waiting: 200,
  waitMs: 5_000,
  requestMs: 30_000,
  sockets: 10_000,
  tenantStreams: 1_000,
  userStreams: 100,
  unauthenticatedSockets: 1_000,
  operations: 500,
});

/** Most bytes of a request. An input may have 1 MB, and its JSON may be longer. */
export const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
