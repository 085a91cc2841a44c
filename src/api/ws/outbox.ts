import type { WebSocket } from 'ws';

/** Bytes that may lie here for a client who does not take them. */
const MOST_BUFFERED = 64 * 1024;

/** What goes to one client, in order. */
export type Outbox = {
  /** Resolves when it is on its way and there is room for more; at once when nobody is there any more. */
  send(text: string): Promise<void>;
};

/**
 * As fast as it is read: of all who send, one at a time hands over his text, and the next one when there is room again. So a
 * client who reads slowly slows his own events, and what waits here is one text for each of their sources.
 */
export function createOutbox(socket: WebSocket): Outbox {
  let last: Promise<void> = Promise.resolve();
  const write = async (text: string): Promise<void> => {
    if (socket.readyState !== socket.OPEN) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.send(text, () => resolve());
    if (socket.bufferedAmount > MOST_BUFFERED) await promise;
  };
  return {
    send(text) {
      last = last.then(() => write(text));
      return last;
    },
  };
}
