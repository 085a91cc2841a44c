import { setTimeout as sleep } from 'node:timers/promises';
import type { Watching } from '../../db/access/subjects.ts';
import type { DecryptRunRows } from '../../db/connection/decrypt-results.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { FeedQueue } from '../../db/feed/feed-queue.ts';
import { FORGET_MS, POLL_MS, RESTS_PER_READ, SeenSteps } from '../../db/feed/follow-log.ts';
import { endOf, LATE_MS, type LogFilter, type LogSpan } from '../../db/feed/step-log.ts';
import { jsonRows } from '../../db/queries/json-rows.ts';
import { queriesWithin } from '../../db/queries/queries.ts';
import { noSuch } from '../../resources/request-refusal.ts';
import { errorAnswerOf } from '../errors/answer-error.ts';
import { type LogLine, readLogLines } from './log-lines.ts';

/** Most lines of one read. */
export const MOST_PER_READ = 1_000;
/** Most lines buffered for a subscriber. Further lines stay in the database. */
const MOST_BUFFERED = 2 * MOST_PER_READ;
/** Kinds of steps that count as errors, as in `stepLog`. */
const FAILED = new Set(['error', 'retry', 'guard']);

/** New lines for one subscriber, with the database's time of the read. */
export type LogBatch = { now: Date; lines: LogLine[]; hasEnded: boolean };

/** A follower of a log: the lines it wants, and the caller it follows as. */
export type LogFollower = { watching: Omit<Watching, 'id'>; filter: LogFilter };

/**
 * The lines of a follower. The subscription ends when the follower leaves or falls behind. A
 * follower that fell behind reads by itself and joins again.
 */
export type LogSubscription = AsyncIterableIterator<LogBatch, undefined>;

export type LogFeed = {
  /**
   * Subscribes to every line committed from now on, and possibly some of the last minute. Rejects
   * when the log cannot be read.
   */
  follow(follower: LogFollower): LogSubscription;
};

export type LogFeedOptions = {
  /** Runs work in a transaction that sees the whole tenant, after waiting for its turn. */
  transaction<T>(tenantId: string, work: (db: Queryable) => Promise<T>): Promise<T>;
  /** Returns whether a caller sees a run. Calls are batched. */
  sees(watching: Watching): Promise<boolean>;
  /** Decrypts contents in lines, which the transactions leave encrypted. */
  decryptRows: DecryptRunRows;
};

/**
 * Follows the logs of tenants as they grow.
 *
 * Each log has one reader, however many followers it has. The reader reads new lines twice a second
 * in one transaction of the tenant. Each follower gets the lines that match its filter and that its
 * caller may see. A line does not hold the status of its run, so statuses are filtered in SQL:
 * each followed combination of statuses has a reader of its own.
 *
 * A follower joins before it reads the existing lines, so no line is lost between the two. The
 * follower drops lines that it has already.
 */
export function createLogFeed(options: LogFeedOptions): LogFeed {
  const readers = new Map<string, LogReader>();
  return {
    follow(follower) {
      const { watching, filter } = follower;
      const statuses = filter.status?.toSorted();
      const key = `${watching.tenantId} ${statuses ?? ''}`;
      const reader = readers.get(key) ?? new LogReader(watching.tenantId, statuses, options);
      readers.set(key, reader);
      return reader.join(follower, () => {
        if (readers.get(key) === reader) readers.delete(key);
      });
    },
  };
}

type Subscriber = LogFollower & {
  queue: FeedQueue<LogBatch | { failure: unknown }>;
  lines: number;
};
type RunFacts = { agent_id: string | null; workflow_id: string | null; session_id: string | null };
type TenantLogRead = {
  now: Date;
  lines: LogLine[];
  /** The agent, workflow and session of each run that has a line here. */
  runs: Map<string, RunFacts>;
  /** The runs followed by id, each with whether it has ended. A deleted run is missing. */
  ends: Map<string, boolean>;
};

/** Reads one log while it has subscribers. */
class LogReader {
  readonly #tenantId: string;
  readonly #filter: LogFilter;
  readonly #options: LogFeedOptions;
  readonly #subscribers = new Set<Subscriber>();
  readonly #known = new SeenSteps();
  #reached: Date | undefined;
  #reading: Promise<void> | undefined;

  constructor(tenantId: string, status: LogFilter['status'], options: LogFeedOptions) {
    this.#tenantId = tenantId;
    this.#filter = status === undefined ? {} : { status };
    this.#options = options;
  }

  /** Adds a follower; `onEmpty` is called when the last follower has left. */
  join(follower: LogFollower, onEmpty: () => void): LogSubscription {
    const queue: Subscriber['queue'] = new FeedQueue({
      onClose: () => {
        this.#subscribers.delete(subscriber);
        if (this.#subscribers.size === 0) onEmpty();
      },
    });
    const subscriber: Subscriber = { ...follower, queue, lines: 0 };
    this.#subscribers.add(subscriber);
    this.#reading ??= this.#read();
    return batchesOf(subscriber);
  }

  async #read(): Promise<void> {
    while (this.#subscribers.size > 0) {
      const started = Date.now();
      let hasMore = false;
      try {
        const read = await this.#options.transaction(this.#tenantId, (db) => this.#readLines(db));
        const lines = await this.#options.decryptRows(read.lines, (line) => line.execution_id);
        await this.#deliver({ ...read, lines });
        hasMore = read.lines.length === MOST_PER_READ;
        this.#reached = hasMore ? (this.#reached ?? read.now) : read.now;
        if (!hasMore) this.#known.forget(started - 2 * FORGET_MS);
      } catch (failure) {
        if (!isTemporary(failure)) this.#fail(failure);
      }
      const rest = (Date.now() - started) * RESTS_PER_READ;
      await sleep(hasMore ? 0 : Math.max(POLL_MS, rest));
    }
    this.#reading = undefined;
  }

  /**
   * Reads whether runs have ended before it reads their steps, so that no end is reported too
   * early.
   */
  async #readLines(db: Queryable): Promise<TenantLogRead> {
    const ends = await endsOf(db, this.#runsFollowed());
    const { now } = await endOf(queriesWithin(db), undefined);
    const reached = (this.#reached ?? now).getTime();
    const span: LogSpan = {
      ...{ since: new Date(reached - FORGET_MS), changedSince: new Date(reached - LATE_MS) },
      ...{ after: this.#known.cursors(), limit: MOST_PER_READ, isOldest: true },
    };
    const lines = await readLogLines(db, this.#filter, span);
    const runs = await factsOf(db, [...new Set(lines.map((line) => line.execution_id))]);
    return { now, lines, runs, ends };
  }

  #runsFollowed(): string[] {
    const ids = [...this.#subscribers].flatMap(({ filter: { id } }) => id ?? []);
    return [...new Set(ids)];
  }

  async #deliver(read: TenantLogRead): Promise<void> {
    const isAll = read.lines.length < MOST_PER_READ;
    const deliveries = [...this.#subscribers].map(async (subscriber) => {
      const { id } = subscriber.filter;
      if (id !== undefined && !read.ends.has(id)) {
        return subscriber.queue.push({ failure: noSuch('execution', id) });
      }
      const lines = await this.#linesFor(subscriber, read);
      const hasEnded = isAll && id !== undefined && read.ends.get(id) === true;
      if (lines.length === 0 && !hasEnded) return;
      subscriber.lines += lines.length;
      if (subscriber.lines > MOST_BUFFERED) await subscriber.queue.return();
      else subscriber.queue.push({ now: read.now, lines, hasEnded });
    });
    await Promise.all(deliveries);
    this.#known.note(read.lines);
  }

  async #linesFor(
    { filter, watching }: Subscriber,
    { lines, runs }: TenantLogRead,
  ): Promise<LogLine[]> {
    const fitting = lines.filter((line) => matches(filter, line, runs.get(line.execution_id)));
    const ids = [...new Set(fitting.map((line) => line.execution_id))];
    const seen = await Promise.all(ids.map((id) => this.#options.sees({ ...watching, id })));
    const shown = new Set(ids.filter((_id, index) => seen[index]));
    return fitting.filter((line) => shown.has(line.execution_id));
  }

  #fail(failure: unknown): void {
    for (const { queue } of this.#subscribers) queue.push({ failure });
  }
}

function batchesOf(subscriber: Subscriber): LogSubscription {
  const { queue } = subscriber;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const item = await queue.next();
      if (item.done) return item;
      if ('failure' in item.value) {
        await queue.return();
        throw item.value.failure;
      }
      subscriber.lines -= item.value.lines.length;
      return { done: false, value: item.value };
    },
    async return() {
      await queue.return();
      return { done: true, value: undefined };
    },
  };
}

/** Returns whether an error is temporary: too many requests, or the database is away. */
export function isTemporary(error: unknown): boolean {
  return errorAnswerOf(error, () => {}).status === 503;
}

/** Returns whether a line matches a filter, by the same conditions as `stepLog`. */
function matches(filter: LogFilter, line: LogLine, run: RunFacts | undefined): boolean {
  const { id, session, agent, workflow, errors } = filter;
  if (!run) return false;
  const isOf = (wanted: string | undefined, is: string | null) =>
    wanted === undefined || wanted.toLowerCase() === is;
  return (
    isOf(id, line.execution_id) &&
    isOf(session, run.session_id) &&
    isOf(agent, run.agent_id) &&
    isOf(workflow, run.workflow_id) &&
    (!errors || line.error !== null || FAILED.has(line.kind))
  );
}

async function factsOf(db: Queryable, ids: readonly string[]): Promise<Map<string, RunFacts>> {
  if (ids.length === 0) return new Map();
  const rows = await jsonRows<RunFacts & { id: string }>(
    db,
    `select e.id::uuid as id, e.agent_id, e.workflow_id, e.session_id from howdah.executions as e
     where e.id = any ($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map(({ id, ...facts }) => [id, facts]));
}

async function endsOf(db: Queryable, ids: readonly string[]): Promise<Map<string, boolean>> {
  if (ids.length === 0) return new Map();
  const rows = await jsonRows<{ id: string; has_ended: boolean }>(
    db,
    `select e.id::uuid as id, e.completed_at is not null as has_ended from howdah.executions as e
     where e.id = any ($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map(({ id, has_ended }) => [id, has_ended]));
}
