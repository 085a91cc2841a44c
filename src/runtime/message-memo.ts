import type { LoggedMessage } from '../contracts/message.ts';

type Entry<T> = { length: number; last: LoggedMessage | undefined; value: T };

/**
 * Keeps what was worked out of the messages of a run, so that the next step reads only the messages
 * that were added. A run only ever adds messages. So two lists with the same first and the same nth
 * message have the same n messages.
 */
export class MessageMemo<T> {
  readonly #entries = new WeakMap<LoggedMessage, Entry<T>>();

  /** Returns what was kept for the first `length` of these messages. */
  find(messages: readonly LoggedMessage[]): { length: number; value: T } | undefined {
    const entry = messages[0] && this.#entries.get(messages[0]);
    return entry && messages[entry.length - 1] === entry.last ? entry : undefined;
  }

  keep(messages: readonly LoggedMessage[], value: T): void {
    const [first] = messages;
    if (first) {
      this.#entries.set(first, { length: messages.length, last: messages.at(-1), value });
    }
  }
}
