import { type Failure, toFailure } from '../server/failure.ts';
import type { TimelineStep } from '../server/operations.generated.ts';
import type { StepsByRun } from './tree-rows.ts';

/** Runs of one request. */
const RUNS_AT_ONCE = 100;

/** How steps are read. A page of steps may be followed by another one. */
export type StepRequests = {
  /** Reads the first steps of some runs. */
  readFirst(ids: readonly string[]): Promise<ReadonlyMap<string, StepPage>>;
  /** Reads the steps of a run after a step. */
  readAfter(id: string, seq: number): Promise<StepPage>;
};

export type StepPage = { steps: readonly TimelineStep[]; hasMore: boolean };

/** The steps that are loaded, and why the rest is not. */
export type LoadedSteps = { steps: StepsByRun; failure: Failure | undefined };

/**
 * Loads the steps of runs, one request after the other. A run with news is read again after its
 * last known step, also if the news came while it was being read. After a failure the rest waits
 * for the next news, or for `retry`.
 */
export class StepLoader {
  readonly #requests: StepRequests;
  readonly #onChange: (loaded: LoadedSteps) => void;
  readonly #wanted = new Set<string>();
  /** Runs that have to be read. */
  readonly #due = new Set<string>();
  #steps: StepsByRun = new Map();
  #isBusy = false;

  constructor(requests: StepRequests, onChange: (loaded: LoadedSteps) => void) {
    this.#requests = requests;
    this.#onChange = onChange;
  }

  /** Loads the runs that are new. */
  async add(ids: readonly string[]): Promise<void> {
    const added = ids.filter((id) => !this.#wanted.has(id));
    for (const id of added) {
      this.#wanted.add(id);
      this.#due.add(id);
    }
    if (added.length > 0) await this.retry();
  }

  /** Reads the new steps of runs. Runs that were not added are left out. */
  async readNews(ids: readonly string[]): Promise<void> {
    for (const id of ids) if (this.#wanted.has(id)) this.#due.add(id);
    await this.retry();
  }

  /** Reads what is still missing. */
  async retry(): Promise<void> {
    if (this.#isBusy) return; // the loop at work also reads what was added
    this.#isBusy = true;
    try {
      while (this.#due.size > 0) await this.#readSome();
      this.#onChange({ steps: this.#steps, failure: undefined });
    } catch (error) {
      this.#onChange({ steps: this.#steps, failure: toFailure(error) });
    } finally {
      this.#isBusy = false;
    }
  }

  /** Reads the runs without steps first, many at once, and then one of the others. */
  async #readSome(): Promise<void> {
    const due = [...this.#due];
    const unread = due.filter((id) => !this.#steps.has(id)).slice(0, RUNS_AT_ONCE);
    const some = unread.length > 0 ? unread : due.slice(0, 1);
    for (const id of some) this.#due.delete(id); // news from now on are read again
    try {
      const pages = await this.#read(some, unread.length > 0);
      for (const id of some) this.#take(id, pages.get(id));
    } catch (error) {
      for (const id of some) this.#due.add(id);
      throw error;
    }
    this.#onChange({ steps: this.#steps, failure: undefined });
  }

  async #read(ids: readonly string[], isFirst: boolean): Promise<ReadonlyMap<string, StepPage>> {
    if (isFirst) return this.#requests.readFirst(ids);
    const [id = ''] = ids;
    const last = this.#steps.get(id)?.at(-1)?.seq ?? 0;
    return new Map([[id, await this.#requests.readAfter(id, last)]]);
  }

  #take(id: string, page: StepPage | undefined): void {
    const steps = [...(this.#steps.get(id) ?? []), ...(page?.steps ?? [])];
    this.#steps = new Map(this.#steps).set(id, steps);
    if (page?.hasMore) this.#due.add(id);
  }
}
