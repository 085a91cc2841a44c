import type { Progress, ToolNote } from '../../contracts/agents/tool-io.ts';
import type { JsonObject } from '../../json/json.ts';
import type { HeldRunOptions } from './held-run-options.ts';

/**
 * Returns a function that sends the messages of a run's tools to its subscribers while they work.
 * Texts that filters of the tenant would have to check are not sent.
 */
export function createToolNoteSink({ claimed, tell }: HeldRunOptions): (note: ToolNote) => void {
  return (note) => {
    if (!claimed.is_filtered) return tell(note);
    if (note.type === 'log') return;
    const { message: _, data: __, ...numbers } = note;
    tell(numbers);
  };
}

/** The last progress of each call of a run at work, for the step of the call. */
export class LastProgress {
  readonly #isFiltered: boolean;
  readonly #calls = new Map<string, JsonObject>();

  constructor({ claimed }: HeldRunOptions) {
    this.#isFiltered = claimed.is_filtered;
  }

  /** Keeps a report, without the texts that filters of the tenant would have to check. */
  keep(call_id: string, { message, data, ...numbers }: Progress): void {
    const texts = {
      ...(message !== undefined && { message }),
      ...(data !== undefined && { data }),
    };
    this.#calls.set(call_id, this.#isFiltered ? numbers : { ...numbers, ...texts });
  }

  /** Removes the report of a call that has ended, and returns it as annotations of a step. */
  take(call_id: string): JsonObject {
    const progress = this.#calls.get(call_id);
    this.#calls.delete(call_id);
    return progress ? { progress } : {};
  }
}
