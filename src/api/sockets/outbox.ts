import type { WebSocket } from 'ws';

/** Most bytes that are buffered for a client that does not read them. */
const MAX_BUFFERED = 64 * 1024;

/** A queue of texts for one client, which are sent in order. */
export type Outbox = {
  /**
   * Sends a text. Resolves when the text is sent and there is room for more, or at once if the
   * client has disconnected.
   */
  send(text: string): Promise<void>;
};

/**
 * Creates an outbox that sends as fast as the client reads. Each sender hands over one text, and
 * the next text when there is room again. So a slow client slows its own events, and the outbox
 * contains one waiting text for each source.
 */
export function createOutbox(socket: WebSocket): Outbox {
  let last: Promise<void> = Promise.resolve();
  const write = async (text: string): Promise<void> => {
    if (socket.readyState !== socket.OPEN) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.send(text, () => resolve());
    if (socket.bufferedAmount > MAX_BUFFERED) await promise;
  };
  return {
    send(text) {
      last = last.then(() => write(text));
      return last;
    },
  };
}
