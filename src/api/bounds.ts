import { MOST_CONNECTIONS } from '../db/connection-limits.ts';

/** How much a server takes on at once. What is beyond is refused at once, so that the rest is answered in time. */
export type Bounds = Readonly<{
  /** Connections to the database that requests share. */
  connections: number;
  /** Requests that wait for their turn; two per connection are worked on. */
  waiting: number;
  /** Milliseconds a request waits for its turn. */
  waitMs: number;
  /** Milliseconds a request may take to arrive, its body included. */
  requestMs: number;
  /** What stays open: streams, sockets, subscriptions on them, and answers that are waited for. */
  sockets: number;
  /** The same of one tenant. */
  tenantStreams: number;
  /** The same of one user. */
  userStreams: number;
  /** WebSockets that have not logged in yet; beyond it the oldest of them is closed. */
  strangers: number;
  /** Operations under way on one WebSocket. */
  operations: number;
}>;

/** The bounds of `howdah api` and `howdah start`. */
export const usualBounds: Bounds = Object.freeze({
  connections: MOST_CONNECTIONS.api.requests,
  waiting: 200,
  waitMs: 5_000,
  requestMs: 30_000,
  sockets: 10_000,
  tenantStreams: 1_000,
  userStreams: 100,
  strangers: 1_000,
  operations: 500,
});
