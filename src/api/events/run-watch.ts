import { MergedIterator, mapIterator } from '../../concurrency/merge-iterators.ts';
import type { FeedRunState } from '../../db/feed/feed.ts';
import { FeedQueue } from '../../db/feed/feed-queue.ts';
import type { FeedRow } from '../../db/feed/tree-rows.ts';

export type WatchSources<Other extends { of: string }> = {
  states: AsyncIterator<FeedRunState, unknown>;
  /** The steps of the run. Items of other kinds may come in between, as from a tree. */
  steps?: AsyncIterator<FeedRow | Other, unknown> | undefined;
  /** Further sources, such as the pieces of an answer. */
  others: readonly AsyncIterator<Other>[];
  /** The interval of the clock, in milliseconds. */
  tickMs: number;
};

type Tick = { of: 'tick' };

/** A change of a watched run, or a tick of the clock. */
export type RunChange<Other extends { of: string }> =
  | { of: 'step'; row: FeedRow }
  | { of: 'state'; state: FeedRunState }
  | Tick
  /** The end of the run, or of the server. Items of other sources may follow. */
  | { of: 'end' }
  | Other;

/**
 * Watches one run for one client: merges its states, its steps, further sources and a clock.
 * `followRun`, `followAnswer` and the MCP endpoint are built on it. REST and WebSockets use
 * `runEvents`, which can resume from a cursor.
 *
 * - The run ends for the client with its last step; or with its last state, if no steps are read.
 * - Of each source, one item is read ahead. A client that reads slowly slows the sources, which
 *   bound what they hold. Missed ticks count as one.
 * - When the signal fires, all sources are left and no change follows.
 */
export class RunWatch<Other extends { of: string }> {
  readonly #merged = new MergedIterator<RunChange<Other>>();
  readonly #signal: AbortSignal;
  /** The source with whose end the run ends for the client. */
  readonly #endsWith: AsyncIterator<RunChange<Other>>;
  /** The number of open sources besides the clock. */
  #open: number;
  #isWaiting = false;

  /** Subscribes at once, so that the caller can read the run afterwards and miss nothing. */
  constructor({ states, steps, others, tickMs }: WatchSources<Other>, signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.close);
    const ofStates = mapIterator(states, (state) => ({ of: 'state' as const, state }));
    const ofSteps = steps && mapIterator(steps, changeOf<Other>);
    this.#endsWith = ofSteps ?? ofStates;
    const sources = [ofStates, ...(ofSteps ? [ofSteps] : []), ...others];
    for (const source of sources) this.#merged.add(source);
    this.#open = sources.length;
    this.#merged.add(createClock(tickMs));
    if (signal.aborted) this.close();
  }

  /** True if the run waits, by the last state that `changes` has returned. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /**
   * Yields the changes as they come. Throws the error of a failed source. Closes all sources at the
   * end.
   */
  async *changes(): AsyncGenerator<RunChange<Other>, void> {
    try {
      while (this.#open > 0) {
        const next = await this.#merged.next();
        if (!next || this.#signal.aborted) return;
        if ('value' in next) {
          const change = next.value;
          if (isState(change)) this.#isWaiting = change.state.status === 'waiting';
          yield change;
        } else {
          this.#open -= 1;
          if (next.ended === this.#endsWith) yield { of: 'end' };
        }
      }
    } finally {
      this.close();
    }
  }

  /** Leaves all sources. */
  readonly close = (): void => {
    this.#signal.removeEventListener('abort', this.close);
    this.#merged.close();
  };
}

function changeOf<Other extends { of: string }>(item: FeedRow | Other): RunChange<Other> {
  return 'of' in item ? item : { of: 'step', row: item };
}

function isState(change: { of: string }): change is { of: 'state'; state: FeedRunState } {
  return change.of === 'state';
}

/** Creates a clock that ticks until it is left. Ticks that nobody has read count as one. */
function createClock(ms: number): FeedQueue<Tick> {
  const timer = setInterval(() => ticks.replace({ of: 'tick' }), ms);
  timer.unref();
  const ticks = new FeedQueue<Tick>({ onClose: () => clearInterval(timer) });
  return ticks;
}
