import type { Feed } from '../../db/feed/feed.ts';
import type { AnswersSoFar } from './answers-so-far.ts';

export type TreeRunsOptions = {
  /** Returns the connection of the hub, or undefined once it is closed. */
  feed(): Feed | undefined;
  answers: AnswersSoFar;
  /** Returns whether another part of the hub needs the announcements of a run. */
  isFollowed(id: string): boolean;
  onError(error: unknown): void;
};

/** The runs of followed trees that are announced: top runs, and live runs below them. */
export class TreeRuns {
  readonly #options: TreeRunsOptions;
  /** The runs of each tree, and whether each of them is registered. */
  readonly #trees = new Map<string, Map<string, boolean>>();
  /** The trees of each run. */
  readonly #tops = new Map<string, Set<string>>();

  constructor(options: TreeRunsOptions) {
    this.#options = options;
  }

  /** Returns the followed trees of a run, by their top runs. */
  topsOf(run: string): Iterable<string> {
    return this.#tops.get(run) ?? [];
  }

  /** Returns whether a run belongs to a followed tree. */
  has(run: string): boolean {
    return this.#tops.has(run);
  }

  /** Returns the runs of a tree. */
  of(top: string): Iterable<string> {
    return this.#trees.get(top)?.keys() ?? [];
  }

  addTree(top: string): void {
    this.#trees.set(top, new Map());
    this.#add(top, top);
  }

  /** Removes a tree, and ends the registrations that nobody else needs. */
  removeTree(top: string): void {
    const runs = [...this.of(top)];
    this.#trees.delete(top);
    this.#release(top, runs);
  }

  /** Forgets which runs are registered, so that the next reads register them again. */
  forgetRegistrations(): void {
    for (const runs of this.#trees.values()) for (const run of runs.keys()) runs.set(run, false);
  }

  /** Registers the top runs of trees. */
  async registerTops(feed: Feed, tops: readonly string[]): Promise<void> {
    await this.#register(
      feed,
      tops.map((top) => ({ top, run: top })),
    );
  }

  /**
   * Registers the live runs below top runs, and drops runs that have ended. Returns the trees for
   * which a run was registered now.
   */
  async registerLive(
    feed: Feed,
    trees: readonly { execution_id: string; live: readonly string[] }[],
  ): Promise<string[]> {
    for (const { execution_id: top, live } of trees) {
      const current = new Set([top, ...live]);
      const ended = [...this.of(top)].filter((run) => !current.has(run));
      for (const run of ended) this.#trees.get(top)?.delete(run);
      this.#release(top, ended);
    }
    const pairs = trees.flatMap(({ execution_id: top, live }) => live.map((run) => ({ top, run })));
    return this.#register(feed, pairs);
  }

  async #register(feed: Feed, pairs: readonly { top: string; run: string }[]): Promise<string[]> {
    const missing = pairs.filter(({ top, run }) => {
      const runs = this.#trees.get(top);
      return runs !== undefined && runs.get(run) !== true;
    });
    if (missing.length === 0) return [];
    for (const { top, run } of missing) this.#add(top, run);
    await feed.watch([...new Set(missing.map(({ run }) => run))]);
    // the last subscriber of a tree may have left meanwhile
    for (const { top, run } of missing) this.#trees.get(top)?.set(run, true);
    return [...new Set(missing.map(({ top }) => top))];
  }

  #add(top: string, run: string): void {
    this.#trees.get(top)?.set(run, false);
    this.#tops.set(run, (this.#tops.get(run) ?? new Set()).add(top));
  }

  #release(top: string, runs: readonly string[]): void {
    const unneeded = runs.filter((run) => {
      const tops = this.#tops.get(run);
      if (!tops?.delete(top) || tops.size > 0) return false;
      this.#tops.delete(run);
      if (this.#options.isFollowed(run)) return false;
      this.#options.answers.drop(run);
      return true;
    });
    if (unneeded.length > 0) this.#options.feed()?.unwatch(unneeded).catch(this.#options.onError);
  }
}
