import type { LoggedMessage } from '../../contracts/runs/message.ts';

type Entry<T> = { length: number; last: LoggedMessage | undefined; value: T };

/**
 * Caches a result computed from the messages of a run. The next step then reads only the messages
 * that were added. Valid only for lists that grow: a run never changes or removes a message. Two
 * lists with the same first and the same nth message have the same n messages.
 */
export class MessageMemo<T> {
  readonly #entries = new WeakMap<LoggedMessage, Entry<T>>();

  /** Returns the result for the first `length` of these messages. */
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
