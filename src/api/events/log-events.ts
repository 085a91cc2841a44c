import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { FORGET_MS, POLL_MS, RESTS_PER_READ, SeenSteps } from '../../db/feed/follow-log.ts';
import { endOf, LATE_MS, type LogFilter, type LogSpan } from '../../db/feed/step-log.ts';
import { queriesWithin } from '../../db/queries/queries.ts';
import type { JsonObject } from '../../json/json.ts';
import { onAbort } from '../http/on-abort.ts';
import { isTemporary, type LogSubscription, MOST_PER_READ } from './log-feed.ts';
import { type LogLine, readLogLines } from './log-lines.ts';
import { findExecution } from './run-rows.ts';

/** The filter of the lines, and the time of the first line. */
export type LogStart = { filter: LogFilter; since: Date };

/** The sources of one caller's log stream. */
export type LogSource = {
  /** Runs work in a transaction as the caller, after waiting for its turn. */
  transaction<T>(work: (db: Queryable) => Promise<T>): Promise<T>;
  /** Returns the lines that are committed from now on and that the caller may see. */
  followLog(filter: LogFilter): LogSubscription;
};

/**
 * Streams the lines of the log since a time, each once, and new lines as they commit, until the
 * consumer leaves. The stream of one run ends with the run. Existing lines are read in transactions
 * of the caller. New lines come from the reader that all streams of the log share. When a stream
 * does not take its lines, the reader drops it. The stream then reads by itself and joins again.
 */
export async function* logEvents(
  source: LogSource,
  { filter, since: begin }: LogStart,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void> {
  const known = new SeenSteps();
  const complete: StreamEvent = { event: 'complete', data: { execution_id: `${filter.id}` } };
  let reached = begin.getTime(); // lines that finished more than `FORGET_MS` before this have been sent
  let hasAll = false;
  while (!signal.aborted) {
    const live = source.followLog(filter); // before the first read, so that no line is missed
    const leave = () => void live.return?.();
    const cancel = onAbort(signal, leave);
    try {
      for (let isDone = false; !isDone && !signal.aborted; ) {
        const started = Date.now();
        const since = new Date(Math.max(begin.getTime(), reached - FORGET_MS));
        const span: LogSpan = {
          ...{ since, after: known.cursors(), limit: MOST_PER_READ, isOldest: true },
          ...(hasAll && { changedSince: new Date(reached - LATE_MS) }),
        };
        const read = await source.transaction(readWith(filter, span)).catch((error: unknown) => {
          if (!isTemporary(error)) throw error;
        });
        if (read) {
          const { now, has_ended } = read;
          const lines = known.note(read.lines);
          yield* lines.map(eventOf);
          isDone = lines.length < MOST_PER_READ;
          if (isDone && has_ended) yield complete;
          if (isDone && has_ended) return;
          reached = (isDone ? now : finishedAt(lines.at(-1))).getTime();
          hasAll = isDone;
        }
        const rest = (Date.now() - started) * RESTS_PER_READ;
        if (!isDone) {
          await sleep(read ? rest : Math.max(POLL_MS, rest), undefined, { signal }).catch(() => {});
        }
      }
      for await (const { now, lines, hasEnded } of live) {
        const fresh = lines.filter((line) => known.isNew(line) && finishedAt(line) >= begin);
        yield* known.note(fresh).map(eventOf);
        known.forget(Date.now() - 2 * FORGET_MS);
        reached = now.getTime();
        if (hasEnded) yield complete;
        if (hasEnded) return;
      }
    } finally {
      cancel();
      leave();
    }
  }
}

type LogPage = { now: Date; has_ended: boolean; lines: LogLine[] };

/**
 * Returns the read of lines. It reads whether the run has ended before it reads the steps, so that
 * the end is not sent too early. Throws `HWNTF` for a run that the caller no longer sees.
 */
function readWith(filter: LogFilter, span: LogSpan): (db: Queryable) => Promise<LogPage> {
  return async (db) => {
    if (filter.id !== undefined) await findExecution(db, filter.id);
    const end = await endOf(queriesWithin(db), filter.id);
    return { ...end, lines: await readLogLines(db, filter, span) };
  };
}

/**
 * Formats a line as an event. The id is the time at which the step finished. A client that
 * resumes at an id reads again from one minute before it, because a step may become readable late.
 */
function eventOf(line: LogLine): StreamEvent {
  const id = finishedAt(line).toISOString();
  return { event: 'step', id, data: line as unknown as JsonObject };
}

function finishedAt(line: LogLine | undefined): Date {
  return new Date(line?.finished_at ?? 0);
}
