import { setTimeout as pause } from 'node:timers/promises';
import { FORGET_MS, Known } from '../../db/follow-log.ts';
import type { Watching } from '../../db/identity.ts';
import { type Client, jsonRows } from '../../db/json-rows.ts';
import { queriesWithin } from '../../db/queries.ts';
import { endOf, LATE_MS, type LogFilter, type Span } from '../../db/step-log.ts';
import { FeedQueue } from '../feed-queue.ts';
import { failureOf } from './answer-error.ts';
import { type LogLine, linesOf } from './log-lines.ts';
import { noSuch } from './request-refusal.ts';

/** The log has no announcements of its own: so often each reader looks. One that took long waits longer. */
const POLL_MS = 500;
const RESTS_PER_LOOK = 4;
/** Lines of one look. */
export const MOST_PER_LOOK = 1_000;
/** Lines kept for a subscriber who does not take them; beyond that they stay in the database. */
const MOST_BUFFERED = 2 * MOST_PER_LOOK;
/** Kinds of steps that are errors, as `stepLog` has them. */
const FAILED = new Set(['error', 'retry', 'guard']);

/** New lines for one subscriber, read when the database had that time. */
export type LogBatch = { now: Date; lines: LogLine[]; hasEnded: boolean };

/** One who follows a log: which lines, and as whom. */
export type LogFollower = { watching: Omit<Watching, 'id'>; filter: LogFilter };

/** What a follower gets. It ends when he leaves, or does not take what there is: then he reads on by himself and joins again. */
export type LogSubscription = AsyncIterableIterator<LogBatch, undefined>;

export type LogFeed = {
  /** Every line that is committed from now on, and perhaps some of the last minute. Rejects when the log cannot be read. */
  follow(follower: LogFollower): LogSubscription;
};

export type LogFeedOptions = {
  /** A transaction of the tenant, which sees all of it, in its turn. */
  transaction<T>(tenantId: string, work: (db: Client) => Promise<T>): Promise<T>;
  /** Whether somebody sees a run; asked for many at once. */
  sees(watching: Watching): Promise<boolean>;
};

/**
 * The logs of tenants as they grow. Each log has one reader while anybody follows it, however many do: it reads what is new twice a
 * second, in one transaction of the tenant, and gives each follower the lines that fit his filter and that he may see. (Which runs
 * have a status is a question for the database, so each combination of them that is followed has a reader of its own.) A follower
 * joins before he reads what is there already, so no line is lost between the two; lines that he has by then are his to leave out.
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
type Look = {
  now: Date;
  lines: LogLine[];
  /** Of the runs of these lines. */
  runs: Map<string, RunFacts>;
  /** Of the runs that are followed for themselves: whether each has ended. One that is gone is not in here. */
  ends: Map<string, boolean>;
};

/** Reads one log while it has subscribers. */
class LogReader {
  readonly #tenantId: string;
  readonly #filter: LogFilter;
  readonly #options: LogFeedOptions;
  readonly #subscribers = new Set<Subscriber>();
  readonly #known = new Known();
  #reached: Date | undefined;
  #reading: Promise<void> | undefined;

  constructor(tenantId: string, status: LogFilter['status'], options: LogFeedOptions) {
    this.#tenantId = tenantId;
    this.#filter = status === undefined ? {} : { status };
    this.#options = options;
  }

  /** `onEmpty` says that nobody follows this log any more. */
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
      let isMoreThere = false;
      try {
        const look = await this.#options.transaction(this.#tenantId, (db) => this.#look(db));
        await this.#deliver(look);
        isMoreThere = look.lines.length === MOST_PER_LOOK;
        this.#reached = isMoreThere ? (this.#reached ?? look.now) : look.now;
        if (!isMoreThere) this.#known.forget(started - 2 * FORGET_MS);
      } catch (failure) {
        if (!isForNow(failure)) this.#fail(failure);
      }
      const rest = (Date.now() - started) * RESTS_PER_LOOK;
      await pause(isMoreThere ? 0 : Math.max(POLL_MS, rest));
    }
    this.#reading = undefined;
  }

  /** Whether runs have ended is asked before their steps, so that no end is told too early. */
  async #look(db: Client): Promise<Look> {
    const ends = await endsOf(db, this.#runsFollowed());
    const { now } = await endOf(queriesWithin(db), undefined);
    const reached = (this.#reached ?? now).getTime();
    const span: Span = {
      ...{ since: new Date(reached - FORGET_MS), changedSince: new Date(reached - LATE_MS) },
      ...{ after: this.#known.cursors(), limit: MOST_PER_LOOK, isOldest: true },
    };
    const lines = await linesOf(db, this.#filter, span);
    const runs = await factsOf(db, [...new Set(lines.map((line) => line.execution_id))]);
    return { now, lines, runs, ends };
  }

  #runsFollowed(): string[] {
    const ids = [...this.#subscribers].flatMap(({ filter: { id } }) => id ?? []);
    return [...new Set(ids)];
  }

  async #deliver(look: Look): Promise<void> {
    const isAll = look.lines.length < MOST_PER_LOOK;
    const given = [...this.#subscribers].map(async (subscriber) => {
      const { id } = subscriber.filter;
      if (id !== undefined && !look.ends.has(id)) {
        return subscriber.queue.push({ failure: noSuch('execution', id) });
      }
      const lines = await this.#linesFor(subscriber, look);
      const hasEnded = isAll && id !== undefined && look.ends.get(id) === true;
      if (lines.length === 0 && !hasEnded) return;
      subscriber.lines += lines.length;
      if (subscriber.lines > MOST_BUFFERED) await subscriber.queue.return();
      else subscriber.queue.push({ now: look.now, lines, hasEnded });
    });
    await Promise.all(given);
    this.#known.note(look.lines);
  }

  async #linesFor({ filter, watching }: Subscriber, { lines, runs }: Look): Promise<LogLine[]> {
    const fitting = lines.filter((line) => fits(filter, line, runs.get(line.execution_id)));
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

/** Too many ask at once, or the database is away: that passes. */
export function isForNow(error: unknown): boolean {
  return failureOf(error, () => {}).status === 503;
}

/** As the conditions of `stepLog`. */
function fits(filter: LogFilter, line: LogLine, run: RunFacts | undefined): boolean {
  const { id, session, agent, workflow, errors } = filter;
  if (!run) return false;
  const isOf = (asked: string | undefined, is: string | null) =>
    asked === undefined || asked.toLowerCase() === is;
  return (
    isOf(id, line.execution_id) &&
    isOf(session, run.session_id) &&
    isOf(agent, run.agent_id) &&
    isOf(workflow, run.workflow_id) &&
    (!errors || line.error !== null || FAILED.has(line.kind))
  );
}

async function factsOf(db: Client, ids: readonly string[]): Promise<Map<string, RunFacts>> {
  if (ids.length === 0) return new Map();
  const rows = await jsonRows<RunFacts & { id: string }>(
    db,
    `select e.id::uuid as id, e.agent_id, e.workflow_id, e.session_id from howdah.executions as e
     where e.id = any ($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map(({ id, ...facts }) => [id, facts]));
}

async function endsOf(db: Client, ids: readonly string[]): Promise<Map<string, boolean>> {
  if (ids.length === 0) return new Map();
  const rows = await jsonRows<{ id: string; has_ended: boolean }>(
    db,
    `select e.id::uuid as id, e.completed_at is not null as has_ended from howdah.executions as e
     where e.id = any ($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map(({ id, has_ended }) => [id, has_ended]));
}
