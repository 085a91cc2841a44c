import type { ToolNote } from '../../contracts/agents/tool-io.ts';

/** So many of the last ones are kept for whoever follows a run a moment after it began. */
const KEPT = 500;

type Listener = (note: ToolNote) => void;

/** What tools say while they work, in any process: each for who follows its run. */
export class ToolNotes {
  readonly #recent: ToolNote[] = [];
  readonly #listeners = new Map<string, Set<Listener>>();

  heard(note: ToolNote): void {
    this.#recent.push(note);
    if (this.#recent.length > KEPT) this.#recent.shift();
    for (const listener of this.#listeners.get(note.execution_id) ?? []) listener(note);
  }

  /** Calls `listener` with those of a run that are still known, then with each new one. What it gives back ends that. */
  follow(executionId: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(executionId) ?? new Set();
    this.#listeners.set(executionId, listeners.add(listener));
    for (const note of this.#recent) if (note.execution_id === executionId) listener(note);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(executionId) === listeners) {
        this.#listeners.delete(executionId);
      }
    };
  }
}
