import type { WebSocket } from 'ws';
import { MAX_REQUEST_BYTES } from '../http/server-limits.ts';

/** Most messages of one client that wait to be served. At this number, the socket is paused. */
const MAX_PENDING = 16;
/** Most bytes of these messages. Beyond them, the socket is paused as well. */
const MAX_PENDING_BYTES = MAX_REQUEST_BYTES;

/** A message as it came over a socket. */
export type Frame = { data: Buffer; isBinary: boolean };

/**
 * The messages of one client, which are served one after the other, in the order in which they
 * came. While many of them wait, the socket is not read. So a client that sends faster than it is
 * served is slowed down by its own connection, and takes no memory here. Messages of a socket that
 * has closed meanwhile are dropped.
 */
export class Inbox {
  readonly #socket: WebSocket;
  readonly #serve: (frame: Frame) => Promise<void>;
  #pending = 0;
  #pendingBytes = 0;
  #last: Promise<void> = Promise.resolve();

  /** `serve` must not reject. */
  constructor(socket: WebSocket, serve: (frame: Frame) => Promise<void>) {
    this.#socket = socket;
    this.#serve = serve;
  }

  /** True if no message waits or is being served. */
  get isEmpty(): boolean {
    return this.#pending === 0;
  }

  /** Adds a message behind the others. */
  add(frame: Frame): void {
    const { length } = frame.data;
    this.#pending += 1;
    this.#pendingBytes += length;
    if (this.#isFull) this.#socket.pause();
    this.#last = this.#last.then(async () => {
      if (this.#socket.readyState === this.#socket.OPEN) await this.#serve(frame);
      this.#pending -= 1;
      this.#pendingBytes -= length;
      if (!this.#isFull) this.#socket.resume();
    });
  }

  get #isFull(): boolean {
    return this.#pending >= MAX_PENDING || this.#pendingBytes >= MAX_PENDING_BYTES;
  }
}
