import type { TokenPiece } from '../../contracts/runs/step.ts';
import {
  Feed,
  type FeedOptions,
  type FeedRunState,
  type MessageCursor,
  type SessionRow,
} from '../../db/feed/feed.ts';
import type { UnansweredQuestion } from '../../db/feed/feed-payloads.ts';
import type { FeedRow, TreePosition, TreeRow } from '../../db/feed/tree-rows.ts';
import { Announcements, type LiveItem } from '../../db/followers/announcements.ts';
import { Follower } from '../../db/followers/follower.ts';
import { hasEnded, runSource } from '../../db/followers/run-source.ts';
import { sessionSource } from '../../db/followers/session-source.ts';
import { type OrderedTree, treeSource } from '../../db/followers/tree-source.ts';
import { AnswersSoFar } from './answers-so-far.ts';
import { followLive, followStates } from './live-queues.ts';
import { ToolNotes } from './tool-notes.ts';

/**
 * The interval at which everything that is followed is read, because announcements may be lost.
 */
const POLL_MS = 1_000;
/** Registrations expire after two minutes; they are renewed after this many polls. */
const POLLS_PER_RENEWAL = 30;

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
 * The live feed of one process. Many subscribers share one connection, and each kind of rows has
 * one follower (`Follower`).
 *
 * Subscribing checks no rights: the caller has checked them.
 */
export class FeedHub {
  readonly notes = new ToolNotes();
  readonly #feed: Feed;
  readonly #announcements: Announcements;
  readonly #answers = new AnswersSoFar();
  readonly #runs: Follower<number, FeedRow, FeedRunState>;
  readonly #sessions: Follower<MessageCursor, SessionRow, unknown>;
  readonly #trees: Follower<TreePosition, TreeRow, OrderedTree>;
  readonly #unansweredListeners = new Set<(unanswered: UnansweredQuestion) => void>();
  readonly #jobListeners = new Set<() => void>();
  #poll: NodeJS.Timeout | undefined;
  #polls = 0;

  constructor({ onError, ...connection }: FeedHubOptions) {
    const feed = new Feed({
      ...connection,
      onAnnounced: (id) => {
        for (const owner of this.#announcements.ownersOf(id)) owner.request();
      },
      onTokens: (piece) => this.#offer(piece.execution_id, { of: 'piece', piece }),
      onNote: (note) => this.#offer(note.execution_id, { of: 'note', note }),
      onUnanswered: (unanswered) => {
        for (const listener of this.#unansweredListeners) listener(unanswered);
      },
      onJobsAdded: () => this.#notifyJobListeners(),
      onReconnected: () => {
        this.#requestAll({ register: true });
        this.#notifyJobListeners();
      },
    });
    const announcements = new Announcements({
      watch: (ids) => feed.watch(ids),
      onReleased: (ids) => {
        for (const id of ids) this.#answers.drop(id);
        feed.unwatch(ids).catch(onError);
      },
    });
    const settle = (run: string, seq: number) => this.#answers.settle(run, seq);
    this.#feed = feed;
    this.#announcements = announcements;
    const options = {
      announcements,
      isTemporary(failure: unknown) {
        onError(failure); // the reconnect or the poll reads again
        return true;
      },
    };
    this.#runs = new Follower(runSource(feed, settle), options);
    this.#sessions = new Follower(sessionSource(feed), options);
    this.#trees = new Follower(treeSource(feed, settle), options);
  }

  async open(): Promise<void> {
    await this.#feed.open();
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
    return this.#runs.follow(executionId, after);
  }

  /**
   * Subscribes to the state of a run: the current state, then the state after each change. Ends
   * when the run has ended. `return()` unsubscribes.
   */
  states(executionId: string): AsyncIterableIterator<FeedRunState, undefined> {
    return followStates(this.#runs, executionId);
  }

  /**
   * Subscribes to pieces of answers while they stream. The first piece is the text so far, if this
   * process has followed the answer from its start. Ends when the run has ended. `return()`
   * unsubscribes.
   */
  tokens(executionId: string): AsyncIterableIterator<TokenPiece, undefined> {
    const answer = this.#answers.of(executionId);
    return followLive(this.#runs, executionId, {
      pick: (item) => (item.of === 'piece' ? item.piece : undefined),
      isOver: hasEnded,
      first: answer ? [answer] : [],
    });
  }

  /**
   * Subscribes to the messages of a session after `after`, then to each new message, including
   * those of later turns. `return()` unsubscribes.
   */
  messages(sessionId: string, after: MessageCursor): AsyncIterableIterator<SessionRow, undefined> {
    return this.#sessions.follow(sessionId, after);
  }

  /** Subscribes to the rows of a tree after a position. Ends when the top run has ended. */
  treeRows(topId: string, after: TreePosition): AsyncIterableIterator<TreeRow, undefined> {
    return this.#trees.follow(topId, after);
  }

  /**
   * Subscribes to pieces of answers and reports of tools, of the top run and of the live runs below
   * it. A slow subscriber loses some. Ends when the top run has ended.
   */
  treeLive(topId: string): AsyncIterableIterator<LiveItem, undefined> {
    const runs = new Set([topId, ...this.#trees.idsOf(topId)]);
    const pieces = [...runs].flatMap((run) => this.#answers.of(run) ?? []);
    return followLive(this.#trees, topId, {
      pick: (item) => item,
      isOver: ({ has_ended, isComplete }) => has_ended && isComplete,
      first: pieces.map((piece): LiveItem => ({ of: 'piece', piece })),
    });
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
   * Calls `listener` when jobs are added to the queue, because a run is started, answered or woken,
   * and when that may have been missed. Returns a function that removes the listener.
   */
  onJobsAdded(listener: () => void): () => void {
    this.#jobListeners.add(listener);
    return () => this.#jobListeners.delete(listener);
  }

  /**
   * True while announcements arrive. While they do not, the read after the reconnect finds
   * everything that is new.
   */
  get isListening(): boolean {
    return this.#feed.isListening;
  }

  /** The number of open subscriptions. */
  get subscriptions(): number {
    return this.#followers.reduce((sum, { subscriptions }) => sum + subscriptions, 0);
  }

  /** Ends all subscriptions, then the connection. */
  async close(): Promise<void> {
    clearInterval(this.#poll);
    await Promise.all(this.#followers.map((follower) => follower.close()));
    await this.#feed.close();
  }

  get #followers() {
    return [this.#runs, this.#sessions, this.#trees];
  }

  #offer(run: string, item: LiveItem): void {
    if (item.of === 'note') this.notes.add(item.note);
    else if (this.#announcements.has(run)) this.#answers.add(item.piece);
    for (const owner of this.#announcements.ownersOf(run)) owner.offer(item);
  }

  #notifyJobListeners(): void {
    for (const listener of this.#jobListeners) listener();
  }

  #requestAll({ register }: { register: boolean }): void {
    if (register) this.#announcements.forgetRegistrations();
    for (const follower of this.#followers) follower.requestAll();
  }
}
