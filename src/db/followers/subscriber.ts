import { FeedQueue } from '../feed/feed-queue.ts';
import type { Page, View } from './source.ts';

/**
 * Most events and bytes buffered for a subscriber that does not take them. Further rows stay in the
 * database. The subscriber has room again when it has taken half of them.
 */
export const MAX_BUFFERED = 500;
const MAX_BYTES = 4_000_000;

export type SubscriberOptions<Cursor, Row, Event> = {
  after: Cursor;
  view: View<Row, Event>;
  cursorOf(row: Row): Cursor;
  /** Called when a subscriber that was full has room again. */
  onRoom(): void;
  onClose(): void;
};

/** A subscriber of rows in an order. It gets the rows after its cursor, each once, in order. */
export class Subscriber<Cursor, Row, Event> {
  /** The events for the consumer. `return()` unsubscribes. */
  readonly events: FeedQueue<Event>;
  readonly view: View<Row, Event>;
  /** True until a read has brought everything that existed. */
  isBehind = true;
  /** The number of the last read that served the subscriber. */
  servedAt: number;
  readonly #cursorOf: (row: Row) => Cursor;
  #cursor: Cursor;
  #bytes = 0;
  #isFull = false;
  #isClosed = false;

  constructor(options: SubscriberOptions<Cursor, Row, Event>, joinedAt: number) {
    const { after, view, cursorOf, onRoom, onClose } = options;
    this.view = view;
    this.servedAt = joinedAt;
    this.#cursor = after;
    this.#cursorOf = cursorOf;
    this.events = new FeedQueue({
      onTaken: (left, event) => {
        this.#bytes -= this.#sizeOf(event);
        if (!this.#isFull || left > MAX_BUFFERED / 2 || this.#bytes > MAX_BYTES / 2) return;
        this.#isFull = false;
        onRoom();
      },
      onClose: () => {
        this.#isClosed = true;
        onClose();
        view.onClose?.();
      },
    });
  }

  /** The position of the last row that the subscriber has. */
  get cursor(): Cursor {
    return this.#cursor;
  }

  get hasRoom(): boolean {
    return !this.#isFull && !this.#isClosed;
  }

  /** Takes the rows right after the cursor while there is room. */
  take({ rows, next }: Page<Row>, isSeen: (run: string) => boolean): void {
    for (const row of rows) {
      if (!this.hasRoom) {
        this.isBehind = true;
        return;
      }
      this.#cursor = this.#cursorOf(row);
      const event = this.view.show(row, isSeen);
      if (event !== undefined) this.#push(event);
    }
    this.isBehind = next === 'more';
    if (next === 'end') this.close();
  }

  /** Ends the subscription behind the events that are buffered. */
  close(): void {
    this.events.end();
  }

  #push(event: Event): void {
    this.#bytes += this.#sizeOf(event);
    this.events.push(event);
    this.#isFull = this.events.size >= MAX_BUFFERED || this.#bytes >= MAX_BYTES;
  }

  #sizeOf(event: Event): number {
    return this.view.bytesOf?.(event) ?? 0;
  }
}
