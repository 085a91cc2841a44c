import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import type { EventsOf } from '../rest/framework/streams.ts';
import { conflict } from './socket-errors.ts';

export type EventSubscriptionsOptions = {
  /** Most subscriptions at once. */
  most: number;
  /** Sends a text. Resolves when there is room for more. */
  send(text: string): Promise<void>;
  /** Returns the message for an error that ended a subscription. */
  refusalOf(id: string, error: unknown): string;
};

/** The subscriptions of one client, by the ids of the messages that started them. */
export class EventSubscriptions {
  readonly #options: EventSubscriptionsOptions;
  readonly #open = new Map<string, AbortController>();
  #isClosed = false;

  constructor(options: EventSubscriptionsOptions) {
    this.#options = options;
  }

  /** Throws if a subscription has this id already, or if there are too many. */
  checkNew(id: string): void {
    const { most } = this.#options;
    if (this.#open.has(id)) throw conflict(`subscription ${id} already exists`);
    if (this.#open.size < most) return;
    throw new RequestRefusal(429, `a connection may have at most ${most} subscriptions`, {
      code: 'HWQTA',
      hint: 'Close some of them, or open another connection.',
    });
  }

  /**
   * Sends the events until there are no more, or the subscription or the connection ends. Waits for
   * `nextRow` before each event.
   */
  async follow(
    id: string,
    events: EventsOf,
    nextRow: () => Promise<void> | undefined,
  ): Promise<void> {
    const leaving = new AbortController();
    this.#open.set(id, leaving);
    if (this.#isClosed) leaving.abort();
    const { send, refusalOf } = this.#options;
    const prefix = `{"type":"event","subscription":${JSON.stringify(id)},`;
    try {
      for await (const event of events(leaving.signal)) {
        await nextRow();
        if (leaving.signal.aborted) break;
        await send(`${prefix}${textOf(event)}`);
      }
    } catch (error) {
      await send(refusalOf(id, error));
    }
    this.#open.delete(id);
    await send(JSON.stringify({ type: 'end', subscription: id }));
  }

  /** Ends a subscription. Throws 404 if there is none with this id. */
  leave(id: string): void {
    const leaving = this.#open.get(id);
    leaving?.abort();
    if (leaving) return;
    throw new RequestRefusal(404, `there is no subscription ${id} on this connection`, {
      code: 'HWNTF',
      hint: 'Use the id of the message that started it.',
      detail: { field: 'subscription' },
    });
  }

  /** Ends all subscriptions, and those that are added later. */
  close(): void {
    this.#isClosed = true;
    for (const leaving of this.#open.values()) leaving.abort();
  }
}

/**
 * Returns the JSON of an event without the opening brace, for use in a message. The text is cached,
 * because many subscriptions get the same event.
 */
function textOf(event: StreamEvent): string {
  const known = texts.get(event);
  if (known !== undefined) return known;
  const text = JSON.stringify(event).slice(1);
  texts.set(event, text);
  return text;
}
const texts = new WeakMap<StreamEvent, string>();
