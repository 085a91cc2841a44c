import type { StreamEvent } from '../../../contracts/runs/stream-event.ts';
import type { Watching } from '../../../db/access/subjects.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { FORGET_MS, POLL_MS, SeenSteps } from '../../../db/feed/follow-log.ts';
import type { LogFilter } from '../../../db/feed/step-log.ts';
import { Follower } from '../../../db/followers/follower.ts';
import type { View, Viewer } from '../../../db/followers/source.ts';
import type { JsonObject } from '../../../json/json.ts';
import { errorAnswerOf } from '../../errors/answer-error.ts';
import { onAbort } from '../../http/on-abort.ts';
import { cursorSince, type LogCursor } from './log-cursor.ts';
import { finishedAt, type LogLine } from './log-lines.ts';
import { type LogReads, type LogRow, logSource } from './log-source.ts';

/** The filter of the lines, and the time of the first line. */
export type LogStart = { filter: LogFilter; since: Date };

/** Follows the lines of the log that a caller may see. */
export type FollowLog = (start: LogStart) => AsyncIterableIterator<StreamEvent, undefined>;

/** The logs of all tenants. */
export type LogFeed = { follow: (viewer: Viewer, start: LogStart) => ReturnType<FollowLog> };

export type LogFeedOptions = Pick<LogReads, 'decryptRows'> & {
  /** Runs work in a transaction that sees the whole tenant, after waiting for its turn. */
  transaction<T>(tenantId: string, work: (db: Queryable) => Promise<T>): Promise<T>;
  /** Returns whether a caller sees a run. Calls are batched. */
  sees(watching: Watching): Promise<boolean>;
};

/**
 * Creates the feed of logs. Each tenant has one follower, which reads twice a second. A subscriber
 * gets the lines that match its filter and that its caller may see: those since a time, then each
 * new line as it commits. The log of one run ends with the run.
 */
export function createLogFeed({ transaction, sees, decryptRows }: LogFeedOptions): LogFeed {
  const logs = new Map<string, Follower<LogCursor, LogRow, LogFilter>>();
  const create = (tenantId: string) => {
    const source = logSource({ decryptRows, transaction: (work) => transaction(tenantId, work) });
    return new Follower(source, { sees, isTemporary, pollMs: POLL_MS });
  };
  return {
    follow(viewer, { filter, since }) {
      const { tenantId } = viewer;
      const log = logs.get(tenantId) ?? create(tenantId);
      logs.set(tenantId, log);
      const view = lineView(viewer, since.getTime(), () => {
        if (log.subscriptions === 0 && logs.get(tenantId) === log) logs.delete(tenantId);
      });
      return log.followView(JSON.stringify(filter), cursorSince(since.getTime()), view);
    },
  };
}

/** Streams the events of a log until the consumer leaves or the signal fires. */
export async function* logEvents(
  follow: FollowLog,
  start: LogStart,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void> {
  if (signal.aborted) return;
  const events = follow(start);
  const leave = () => void events.return?.();
  const cancel = onAbort(signal, leave);
  try {
    yield* events;
  } finally {
    cancel();
    leave();
  }
}

/** Returns whether an error is temporary: too many requests, or the database is away. */
export function isTemporary(error: unknown): boolean {
  return errorAnswerOf(error, () => {}).status === 503;
}

/** Returns the view of a subscriber, which gets each line once although some are read again. */
function lineView(viewer: Viewer, begin: number, onClose: () => void): View<LogRow, StreamEvent> {
  const seen = new SeenSteps();
  return {
    ...{ viewer, onClose },
    show(row, isSeen) {
      if (row.of === 'end') {
        seen.forget(Date.now() - 2 * FORGET_MS);
        const { id } = row;
        return id === undefined ? undefined : { event: 'complete', data: { execution_id: id } };
      }
      const { line } = row;
      if (!seen.isNew(line)) return undefined;
      seen.note([line]); // also if it is hidden: whether it is shown is decided once
      const isShown = finishedAt(line) >= begin && isSeen(line.execution_id);
      return isShown ? eventOf(line) : undefined;
    },
  };
}

/** The event of each line, because many streams send the same one. */
const events = new WeakMap<LogLine, StreamEvent>();

/**
 * Formats a line as an event. The id is the time at which the step finished. A client that
 * resumes at an id reads again from one minute before it, because a step may become readable late.
 */
function eventOf(line: LogLine): StreamEvent {
  const id = new Date(finishedAt(line)).toISOString();
  const made: StreamEvent = events.get(line) ?? {
    ...{ event: 'step', id, data: line as unknown as JsonObject },
  };
  events.set(line, made);
  return made;
}
