import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import { FeedQueue } from '../../db/feed/feed-queue.ts';

/**
 * The number of recent notes that are kept for subscribers that come a moment after the start of a
 * run.
 */
const MAX_RECENT = 500;
/** Most notes that wait for a slow subscriber of a stream. */
const MAX_WAITING = 500;

type Listener = (note: ToolNote) => void;

/** The notes of tools at work, from all processes. Each note goes to the listeners of its run. */
export class ToolNotes {
  readonly #recent: ToolNote[] = [];
  readonly #listeners = new Map<string, Set<Listener>>();

  /** Passes a note to the listeners of its run. */
  add(note: ToolNote): void {
    this.#recent.push(note);
    if (this.#recent.length > MAX_RECENT) this.#recent.shift();
    for (const listener of this.#listeners.get(note.execution_id) ?? []) listener(note);
  }

  /**
   * Calls `listener` with the recent notes of a run, then with each new note. Returns a function
   * that removes the listener.
   */
  follow(executionId: string, listener: Listener): () => void {
    const leave = this.#listen(executionId, listener);
    for (const note of this.#recent) if (note.execution_id === executionId) listener(note);
    return leave;
  }

  /** Subscribes to new notes of a run. A slow subscriber loses some. `return()` unsubscribes. */
  stream(executionId: string): AsyncIterableIterator<ToolNote, undefined> {
    const leave = this.#listen(executionId, (note) => {
      if (queue.size < MAX_WAITING) queue.push(note);
    });
    const queue = new FeedQueue<ToolNote>({ onClose: leave });
    return queue;
  }

  #listen(executionId: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(executionId) ?? new Set();
    this.#listeners.set(executionId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(executionId) === listeners) {
        this.#listeners.delete(executionId);
      }
    };
  }
}
