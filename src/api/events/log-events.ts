import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { Watching } from '../../db/access/subjects.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { Follower } from '../../db/followers/follower.ts';
import { POLL_MS } from '../../db/followers/poll-pause.ts';
import type { Viewer } from '../../db/followers/source.ts';
import { cursorSince, type LogCursor } from '../../db/log/log-cursor.ts';
import { finishedAt, type LogLine } from '../../db/log/log-lines.ts';
import type { LogRow } from '../../db/log/log-page.ts';
import { type LogReads, logSource } from '../../db/log/log-source.ts';
import { lineView } from '../../db/log/log-view.ts';
import type { LogFilter } from '../../db/log/step-log.ts';
import type { JsonObject } from '../../json/json.ts';
import { noSuch } from '../../resources/request-refusal.ts';
import { errorAnswerOf } from '../errors/answer-error.ts';
import { onAbort } from '../http/on-abort.ts';

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
    const source = logSource({
      ...{ decryptRows, transaction: (work) => transaction(tenantId, work) },
      noSuchRun: (id) => noSuch('execution', id),
    });
    return new Follower(source, { sees, isTemporary, pollMs: POLL_MS });
  };
  return {
    follow(viewer, { filter, since }) {
      const { tenantId } = viewer;
      const log = logs.get(tenantId) ?? create(tenantId);
      logs.set(tenantId, log);
      const begin = since.getTime();
      return log.followView(JSON.stringify(filter), cursorSince(begin), {
        ...lineView({ begin, ofLine: eventOf, ofEnd }),
        viewer,
        onClose() {
          if (log.subscriptions === 0 && logs.get(tenantId) === log) logs.delete(tenantId);
        },
      });
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

function ofEnd(run: string): StreamEvent {
  return { event: 'complete', data: { execution_id: run } };
}
