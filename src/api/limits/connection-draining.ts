import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { HowdahError } from '../../contracts/errors.ts';

/**
 * Calls `work` when the response closes, or at once when it is closed: its client may have left.
 * Returns a function that ends the wait. All calls for a response share one listener: Node warns
 * from the eleventh on, and sending a stream takes six.
 */
export function whenClosed(response: ServerResponse, work: () => void): () => void {
  if (response.closed) {
    work();
    return () => {};
  }
  const works = worksOf(response);
  const one = () => work(); // the same work may wait twice
  works.add(one);
  return () => void works.delete(one);
}

function worksOf(response: ServerResponse): Set<() => void> {
  const known = closingWork.get(response);
  if (known) return known;
  const works = new Set<() => void>();
  closingWork.set(response, works);
  response.once('close', () => {
    for (const one of works) one();
  });
  return works;
}

const closingWork = new WeakMap<ServerResponse, Set<() => void>>();

/**
 * Returns a signal that fires when the client disconnects before its answer is written. Every call
 * for a response returns the same signal, so that a request with many statements has one listener.
 */
export function leftSignal(response: ServerResponse): AbortSignal {
  const known = leaveSignals.get(response);
  if (known) return known;
  const leaving = new AbortController();
  leaveSignals.set(response, leaving.signal);
  whenClosed(response, () => {
    if (!response.writableFinished) leaving.abort(clientLeft());
  });
  return leaving.signal;
}

const leaveSignals = new WeakMap<ServerResponse, AbortSignal>();

/** Returns the error of work that ends with its client, with the code of a cancelled statement. */
export function clientLeft(): HowdahError {
  return new HowdahError('57014', 'the client disconnected before the answer was sent');
}

/** The time after `close` in which a client may send its first request on an open connection. */
const UNUSED_CONNECTION_GRACE_MS = 250;

/** The shutdown of a server: `begin` sends its clients elsewhere, then `close` ends the rest. */
export type ConnectionDraining = {
  /** True once the server takes no new connections. */
  readonly isClosing: boolean;
  /**
   * Watches a connection; call it for each. Clients open some in advance and send nothing. Node
   * counts those as busy, so they would delay the end of the server.
   */
  watchConnection(socket: Duplex & { bytesRead?: number }): void;
  /** Watches the response of a request; call it for each. */
  watch(response: ServerResponse): void;
  /** Ends each connection after its next response. All requests are still answered. */
  begin(): void;
  /** Ends connections without a request as well, after a short grace period. */
  close(): void;
  /**
   * Resolves when no connection is open. A server counts only the connections of its port, and not
   * those that the program opened in memory.
   */
  whenUnused(): Promise<void>;
  /** Ends all connections at once. */
  destroyConnections(): void;
};

/** Creates the shutdown of a server. The server runs until `begin` or `close` is called. */
export function createConnectionDraining(): ConnectionDraining {
  let stage: 'open' | 'draining' | 'closing' = 'open';
  const answering = new Set<ServerResponse>();
  const connections = new Set<Duplex & { bytesRead?: number }>();
  let signalUnused = (): void => {};
  const endUnused = () => {
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  };
  const begin = () => {
    if (stage === 'open') stage = 'draining';
    for (const response of answering) response.shouldKeepAlive = false;
  };
  return {
    get isClosing() {
      return stage === 'closing';
    },
    watchConnection(socket) {
      connections.add(socket);
      socket.once('close', () => {
        connections.delete(socket);
        if (connections.size === 0) signalUnused();
      });
    },
    watch(response) {
      if (stage !== 'open') response.shouldKeepAlive = false;
      answering.add(response);
      whenClosed(response, () => answering.delete(response));
    },
    begin,
    close() {
      begin();
      stage = 'closing';
      // A busy loop runs its timers before it reads its sockets. The immediate runs after the read,
      // so a request that has arrived counts.
      setTimeout(() => setImmediate(endUnused), UNUSED_CONNECTION_GRACE_MS).unref();
    },
    whenUnused: () =>
      new Promise((resolve) => {
        if (connections.size === 0) resolve();
        else signalUnused = resolve;
      }),
    destroyConnections() {
      for (const socket of connections) socket.destroy();
    },
  };
}
