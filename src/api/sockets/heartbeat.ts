import type { WebSocket } from 'ws';

/**
 * Interval of the pings, in milliseconds. Pings keep proxies from taking a quiet connection for a
 * dead one.
 */
const HEARTBEAT_MS = 15_000;
/**
 * Time without an answer after which a connection is closed, in milliseconds. The client can
 * continue after the last event that it has.
 */
const STALLED_MS = 60_000;

export type HeartbeatOptions = { heartbeatMs?: number; stalledMs?: number };

export type Heartbeat = {
  /** Notes when a socket answers or sends something. */
  watch(socket: WebSocket): void;
  stop(): void;
};

/** Pings sockets at an interval, and terminates those that do not answer. */
export function createHeartbeat(
  sockets: ReadonlySet<WebSocket>,
  { heartbeatMs = HEARTBEAT_MS, stalledMs = STALLED_MS }: HeartbeatOptions,
): Heartbeat {
  const lastAnswers = new WeakMap<WebSocket, number>();
  const timer = setInterval(() => {
    for (const socket of sockets) {
      // a paused socket reads no answer until its messages were served
      if (socket.isPaused) lastAnswers.set(socket, performance.now());
      if (performance.now() - (lastAnswers.get(socket) ?? 0) > stalledMs) socket.terminate();
      else socket.ping();
    }
  }, heartbeatMs);
  return {
    watch(socket) {
      const note = () => lastAnswers.set(socket, performance.now());
      note();
      socket.on('pong', note).on('message', note);
    },
    stop: () => clearInterval(timer),
  };
}
