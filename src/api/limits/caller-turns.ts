import { setImmediate as nextLoopTurn } from 'node:timers/promises';
import { FairQueue } from '../../concurrency/fair-queue.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { Subject } from '../../db/access/subjects.ts';
import { BUSY, queueUserOf, tenantShares } from '../http/request-queue.ts';
import type { ServerLimits } from '../http/server-limits.ts';
import { RowTurns } from './row-turns.ts';

/** Most messages of one user that are served at the same time, over all sockets of the user. */
const MESSAGES_PER_USER = 2;
/**
 * Longest wait of a message, in milliseconds. After a deploy, all clients return at the same
 * moment.
 */
const WAIT_MS = 30_000;

/**
 * The turns of the callers of one process: what their sockets and streams may do at the same time.
 * HTTP has a queue of requests (`RequestQueue`), but a socket brings many messages, and a stream
 * brings many rows, without a request for each. Callers are counted as in that queue: by tenant,
 * and within a tenant by user or API key. All sockets and streams of a caller share its turns.
 */
export type CallerTurns = {
  /**
   * Serves a message when the turn of its caller comes, in a turn of the event loop of its own. So
   * a caller that sends many messages waits for itself, and not the others. Throws `53300` after 30
   * seconds without a turn. `serve` must not wait for the client.
   */
  serve<T>(caller: Subject, serve: () => Promise<T>): Promise<T>;
  /**
   * Lets a stream of the caller hand out one more row: undefined if it may do so now, else a
   * promise that resolves when it may.
   */
  nextRow(caller: Subject): Promise<void> | undefined;
};

/**
 * Creates the turns. Messages of one tenant are served at most `connections` at a time, and a user
 * has at most two. Rows are limited for each turn of the event loop (`RowTurns`).
 */
export function createCallerTurns({
  connections,
  sockets,
}: Pick<ServerLimits, 'connections' | 'sockets'>): CallerTurns {
  const messages = new FairQueue({
    ...tenantShares(connections * 2),
    max_per_key: Math.max(MESSAGES_PER_USER, connections),
    max_per_user: MESSAGES_PER_USER,
    waiting: { most: sockets, ms: WAIT_MS, refusal: tooManyMessages },
  });
  const rows = new RowTurns();
  return {
    serve: (caller, serve) =>
      messages.run(
        caller.tenantId,
        undefined,
        async () => {
          await nextLoopTurn();
          return serve();
        },
        queueUserOf(caller),
      ),
    nextRow: (caller) => rows.next(caller.tenantId, queueUserOf(caller)),
  };
}

function tooManyMessages(): HowdahError {
  const message = `the message waited ${WAIT_MS / 1000} seconds for its turn, because this user or tenant sends more messages than are served`;
  return new HowdahError(BUSY, message, {
    hint: 'Send the next message when the answer to the last one has come, on one connection.',
  });
}

/** Hands out rows as the turns of a caller allow. Leaving the result leaves the source at once. */
export function inTurns<T>(
  turns: CallerTurns,
  caller: Subject,
  rows: AsyncIterableIterator<T>,
): AsyncIterableIterator<T> {
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const item = await rows.next();
      if (!item.done) await turns.nextRow(caller);
      return item;
    },
    return: async () => (await rows.return?.()) ?? { done: true, value: undefined },
  };
}
