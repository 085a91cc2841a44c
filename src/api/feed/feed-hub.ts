import type { TokenPiece } from '../../contracts/runs/step.ts';
import {
  createFeed,
  type Feed,
  type FeedOptions,
  type FeedRunState,
  type MessageCursor,
  type SessionRow,
} from '../../db/feed/feed.ts';
import type { UnansweredQuestion } from '../../db/feed/feed-payloads.ts';
import type { FeedRow } from '../../db/feed/tree-rows.ts';
import { AnswersSoFar } from './answers-so-far.ts';
import { CoalescedReads } from './coalesced-reads.ts';
import {
  followStates,
  followSteps,
  followTokens,
  type Subscriber,
  type SubscriberEvents,
} from './feed-subscriber.ts';
import { type BehindCursor, ReadOrder } from './read-order.ts';
import { SessionFeed } from './session-feed.ts';
import { ToolNotes } from './tool-notes.ts';
import { TreeFeed } from './tree-feed.ts';

/**
 * The interval at which every followed run is read, all runs in one call, because announcements may
 * be lost.
 */
const POLL_MS = 1_000;
/** Registrations expire after two minutes; they are renewed after this many polls. */
const POLLS_PER_RENEWAL = 30;
/** Bounds of one query: pairs of run and cursor, and steps of each. */
const PAIRS_PER_QUERY = 250;
const STEPS_PER_PAIR = 200;

type AnySubscriber = Subscriber<FeedRow> | Subscriber<FeedRunState> | Subscriber<TokenPiece>;
export type FeedHubOptions = Pick<FeedOptions, 'url' | 'decryptRows'> & {
  onError(error: unknown): void;
};

/** Opens a hub and its connection. */
export async function createFeedHub(options: FeedHubOptions): Promise<FeedHub> {
  const hub = new FeedHub(options);
  await hub.open();
  return hub;
}

/**
 * The live feed of one process. Many subscribers share one connection. An announcement, a new
 * subscriber, the slow poll or a reconnect only says which runs to read. Rows are read from the
 * cursor of each subscriber, in one read for all runs that were requested meanwhile. So nothing is
 * lost, and a run never has two reads under way.
 *
 * Subscribing checks no rights: the caller has checked them.
 */
export class FeedHub {
  readonly #options: FeedHubOptions;
  readonly #runs = new Map<string, Set<AnySubscriber>>();
  readonly #unregistered = new Set<string>();
  readonly #order = new ReadOrder();
  readonly #reads: CoalescedReads;
  readonly #sessions: SessionFeed;
  /** The feed of runs with all runs below them. */
  readonly trees: TreeFeed;
  readonly #answers = new AnswersSoFar();
  readonly #unansweredListeners = new Set<(unanswered: UnansweredQuestion) => void>();
  readonly notes = new ToolNotes();
  #feed: Feed | undefined;
  #poll: NodeJS.Timeout | undefined;
  #polls = 0;

  constructor(options: FeedHubOptions) {
    this.#options = options;
    const shared = { feed: () => this.#feed, onError: options.onError };
    const isFollowed = (id: string) => this.#runs.has(id) || this.#sessions.wants(id);
    this.#reads = new CoalescedReads({ ...shared, read: (feed, ids) => this.#read(feed, ids) });
    this.#sessions = new SessionFeed(shared);
    this.trees = new TreeFeed({ ...shared, answers: this.#answers, isFollowed });
  }

  async open(): Promise<void> {
    this.#feed = await createFeed({
      url: this.#options.url,
      decryptRows: this.#options.decryptRows,
      onAnnounced: (id) => {
        this.#requestReads([id]);
        this.#sessions.handleAnnouncement(id);
        this.trees.handleAnnouncement(id);
      },
      onTokens: (piece) => {
        const { execution_id: id } = piece;
        if (this.#runs.has(id) || this.trees.wants(id)) this.#answers.add(piece);
        for (const subscriber of this.#subscribersOf(id)) subscriber.offerPiece(piece);
        this.trees.offer(id, { of: 'piece', piece });
      },
      onUnanswered: (unanswered) => {
        for (const listener of this.#unansweredListeners) listener(unanswered);
      },
      onNote: (note) => {
        this.notes.add(note);
        this.trees.offer(note.execution_id, { of: 'note', note });
      },
      onReconnected: () => this.#requestAll({ register: true }),
    });
    this.#poll = setInterval(() => {
      this.#polls += 1;
      this.#requestAll({ register: this.#polls % POLLS_PER_RENEWAL === 0 });
    }, POLL_MS);
  }

  /**
   * Subscribes to the steps after `after`, then to each new step. Ends when the run has ended.
   * `return()` unsubscribes.
   */
  steps(executionId: string, after: number): AsyncIterableIterator<FeedRow, undefined> {
    return this.#join(executionId, (events) => followSteps(after, events)).events;
  }

  /**
   * Subscribes to the state of a run: the current state, then the state after each change. Ends
   * when the run has ended. `return()` unsubscribes.
   */
  states(executionId: string): AsyncIterableIterator<FeedRunState, undefined> {
    return this.#join(executionId, followStates).events;
  }

  /**
   * Subscribes to pieces of answers while they stream. The first piece is the text so far, if this
   * process has followed the answer from its start. Ends when the run has ended. `return()`
   * unsubscribes.
   */
  tokens(executionId: string): AsyncIterableIterator<TokenPiece, undefined> {
    const subscriber = this.#join(executionId, followTokens);
    const answer = this.#answers.of(executionId);
    if (answer) subscriber.offerPiece(answer);
    return subscriber.events;
  }

  /**
   * Subscribes to the messages of a session after `after`, then to each new message, including
   * those of later turns. `return()` unsubscribes.
   */
  messages(sessionId: string, after: MessageCursor): AsyncIterableIterator<SessionRow, undefined> {
    return this.#sessions.follow(sessionId, after);
  }

  /**
   * Calls `listener` when the person asked declines a question or answers it wrongly, in any
   * process. Returns a function that removes the listener.
   */
  onUnanswered(listener: (unanswered: UnansweredQuestion) => void): () => void {
    this.#unansweredListeners.add(listener);
    return () => this.#unansweredListeners.delete(listener);
  }

  /**
   * True while announcements arrive. While they do not, the read after the reconnect finds
   * everything that is new.
   */
  get isListening(): boolean {
    return this.#feed?.isListening ?? false;
  }

  /** The number of open subscriptions. */
  get subscriptions(): number {
    const ofRuns = [...this.#runs.values()].reduce((sum, { size }) => sum + size, 0);
    return ofRuns + this.#sessions.subscriptions + this.trees.subscriptions;
  }

  /** Ends all subscriptions, then the connection. */
  async close(): Promise<void> {
    clearInterval(this.#poll);
    const feed = this.#feed;
    this.#feed = undefined;
    for (const subscriber of [...this.#runs.values()].flatMap((all) => [...all])) {
      subscriber.close();
    }
    await Promise.all([this.#reads.settle(), this.#sessions.close(), this.trees.close()]);
    await feed?.close();
  }

  #join<T extends AnySubscriber>(id: string, make: (events: SubscriberEvents) => T): T {
    const subscriber = make({
      onRoom: () => this.#requestReads([id]),
      onClose: () => this.#leave(id, subscriber),
    });
    const subscribers = this.#runs.get(id) ?? new Set();
    if (subscribers.size === 0) this.#unregistered.add(id);
    this.#runs.set(id, subscribers.add(subscriber));
    this.#requestReads([id]);
    return subscriber;
  }

  #leave(id: string, subscriber: AnySubscriber): void {
    const subscribers = this.#runs.get(id);
    if (!subscribers?.delete(subscriber) || subscribers.size > 0) return;
    this.#runs.delete(id);
    this.#unregistered.delete(id);
    if (this.trees.wants(id)) return;
    this.#answers.drop(id);
    if (this.#sessions.wants(id)) return;
    this.#feed?.unwatch([id]).catch(this.#options.onError);
  }

  #requestAll({ register }: { register: boolean }): void {
    if (register) {
      for (const id of this.#runs.keys()) this.#unregistered.add(id);
    }
    this.#requestReads(this.#runs.keys());
    this.#sessions.requestAll({ register });
    this.trees.requestAll({ register });
  }

  #requestReads(ids: Iterable<string>): void {
    this.#reads.request([...ids].filter((id) => this.#runs.has(id)));
  }

  async #read(feed: Feed, ids: readonly string[]): Promise<void> {
    await this.#register(feed);
    this.#requestReads(await this.#readRuns(feed, ids));
  }

  /**
   * Registers before anything is read, so that whatever is committed after the read is announced.
   */
  async #register(feed: Feed): Promise<void> {
    const ids = [...this.#unregistered];
    this.#unregistered.clear();
    if (ids.length === 0) return;
    await feed.watch(ids).catch((error: unknown) => {
      for (const id of ids) this.#unregistered.add(id);
      throw error;
    });
  }

  /**
   * Reads the states of the runs, then the steps that subscribers lack. Returns the runs of which a
   * subscriber lacks more steps.
   */
  async #readRuns(feed: Feed, ids: readonly string[]): Promise<string[]> {
    const states = new Map((await feed.states(ids)).map((state) => [state.execution_id, state]));
    const behind: BehindCursor[] = [];
    for (const id of ids) {
      const state = states.get(id);
      if (state) this.#answers.settle(id, state.step_count);
      const cursors = new Set<number>();
      for (const subscriber of this.#subscribersOf(id)) {
        subscriber.offerState(state);
        const after = subscriber.wantsAfter();
        if (state && after !== undefined && after < state.step_count) cursors.add(after);
      }
      for (const cursor of cursors) {
        const steps = Math.min(STEPS_PER_PAIR, (state?.step_count ?? 0) - cursor);
        behind.push({ id, cursor, steps });
      }
    }
    const { due, later } = this.#order.divide(behind);
    const served: string[] = [];
    while (due.length > 0) {
      served.push(...(await this.#deliver(feed, due.splice(0, PAIRS_PER_QUERY))));
    }
    // only runs that got rows: another read now would bring the others nothing new
    const more = served.filter((id) => {
      const count = states.get(id)?.step_count ?? 0;
      return this.#subscribersOf(id).some((one) => (one.wantsAfter() ?? count) < count);
    });
    return [...later, ...more];
  }

  /** Delivers the steps after cursors of runs. Returns the runs of which a subscriber got rows. */
  async #deliver(feed: Feed, pairs: readonly BehindCursor[]): Promise<string[]> {
    const cursors = pairs.map(({ id, cursor }) => [id, cursor] as const);
    const rows = await feed.stepsAfter(cursors, STEPS_PER_PAIR);
    const byRun = Map.groupBy(rows, (row) => row.execution_id);
    const served: string[] = [];
    for (const [id, steps] of byRun) {
      steps.sort((a, b) => a.seq - b.seq);
      const taken = this.#subscribersOf(id).map((subscriber) => subscriber.offerRows(steps));
      if (taken.includes(true)) served.push(id);
    }
    return served;
  }

  #subscribersOf(id: string): AnySubscriber[] {
    return [...(this.#runs.get(id) ?? [])];
  }
}
