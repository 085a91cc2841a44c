import { setTimeout as sleep } from 'node:timers/promises';
import type { ListUpdate } from './list-update.ts';

/** Most rows of an event, and the bytes of rows from which an event is full. */
const MAX_ROWS = 100;
const FULL_BYTES = 256 * 1_024;

/**
 * Gathers the changes of a list, so that one query reads their rows. An event is sent `ms`
 * milliseconds after its first change, when it is full, and before `synced`.
 */
export function gatherUpdates(
  updates: AsyncIterableIterator<ListUpdate>,
  ms: number,
): AsyncIterableIterator<ListUpdate> {
  let waiting: Promise<IteratorResult<ListUpdate>> | undefined;
  const peek = () => {
    waiting ??= updates.next();
    return waiting;
  };
  const take = async () => {
    const item = await peek();
    waiting = undefined;
    return item;
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const first = await take();
      if (first.done || first.value.kind === 'synced') return first;
      const event = new GatheredEvent(first.value);
      const timer = new AbortController();
      const over = sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined);
      try {
        while (!event.isFull) {
          const next = await Promise.race([peek(), over]);
          if (!next || next.done || next.value.kind === 'synced') break; // next stays for later
          event.add((await take()).value);
        }
      } finally {
        timer.abort();
      }
      return { done: false, value: event.update() };
    },
    async return() {
      await updates.return?.();
      return { done: true, value: undefined };
    },
  };
}

/** The newest change of each row. */
class GatheredEvent {
  readonly #changes = new Map<string, ListUpdate>();
  #cursor: string | null = null;
  #bytes = 0;

  constructor(first: ListUpdate) {
    this.add(first);
  }

  get isFull(): boolean {
    return this.#changes.size >= MAX_ROWS || this.#bytes >= FULL_BYTES;
  }

  add(update: ListUpdate): void {
    if (update.id !== null) this.#changes.set(update.id, update);
    this.#cursor = update.cursor ?? this.#cursor;
    this.#bytes += update.bytes;
  }

  update(): ListUpdate {
    const ids = (kind: ListUpdate['kind']) =>
      [...this.#changes].flatMap(([id, update]) => (update.kind === kind ? [id] : []));
    return {
      ...{ kind: 'gathered', cursor: this.#cursor, id: null, row: null, bytes: this.#bytes },
      rows: ids('changed'),
      removed: ids('removed'),
    };
  }
}
