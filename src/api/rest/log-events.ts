import { setTimeout as pause } from 'node:timers/promises';
import type { JsonObject } from '../../contracts/json.ts';
import type { StreamEvent } from '../../contracts/stream-event.ts';
import { FORGET_MS, Known } from '../../db/follow-log.ts';
import type { Client } from '../../db/json-rows.ts';
import { queriesWithin } from '../../db/queries.ts';
import { endOf, LATE_MS, type LogFilter, type Span } from '../../db/step-log.ts';
import { failureOf } from './answer-error.ts';
import { findExecution } from './execution-rows.ts';
import { type LogLine, linesOf } from './log-lines.ts';
import type { Means } from './route.ts';

/** Steps are found by looking, as `howdah logs --follow` looks at a database; a look that takes long is not repeated at once. */
const POLL_MS = 500;
const RESTS_PER_LOOK = 4;
/** So many lines are read at once, however many there are. */
const MOST_PER_LOOK = 1_000;

/** Which lines, and the time from which on there are any. */
export type LogStart = { filter: LogFilter; since: Date };

/**
 * The lines of the log since a time, each once, and each new one as it commits, for as long as somebody listens; of one run until
 * it has ended. Every look is a transaction of its own as the caller: what he may see no longer is in none. No place in the queue is
 * held between two of them, and a server that has too much to do is asked again.
 */
export async function* logEvents(
  means: Pick<Means, 'transaction'>,
  { filter, since: begin }: LogStart,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void> {
  const known = new Known();
  let reached = begin.getTime(); // what was finished a while before is told
  let hasAll = false;
  while (!signal.aborted) {
    const started = Date.now();
    const since = new Date(Math.max(begin.getTime(), reached - FORGET_MS));
    const span: Span = {
      ...{ since, after: known.cursors(), limit: MOST_PER_LOOK, isOldest: true },
      ...(hasAll && { changedSince: new Date(reached - LATE_MS) }),
    };
    const look = await means.transaction(lookWith(filter, span)).catch((error: unknown) => {
      if (!isForNow(error)) throw error;
    });
    if (look) {
      const { now, has_ended } = look;
      const lines = known.note(look.lines);
      yield* lines.map(eventOf);
      hasAll = lines.length < MOST_PER_LOOK;
      if (hasAll && has_ended) yield { event: 'complete', data: { execution_id: `${filter.id}` } };
      if (hasAll && has_ended) return;
      if (hasAll) known.forget(started - 2 * FORGET_MS);
      reached = (hasAll ? now : finishedAt(lines.at(-1))).getTime();
    }
    const rest = (Date.now() - started) * RESTS_PER_LOOK;
    const isMoreThere = look !== undefined && !hasAll;
    await pause(isMoreThere ? rest : Math.max(POLL_MS, rest), undefined, { signal }).catch(
      () => {},
    );
  }
}

type Look = { now: Date; has_ended: boolean; lines: LogLine[] };

/** Whether it has ended is asked before its steps, so that the end is not told too early. Throws `HWNTF` for a run he sees no longer. */
function lookWith(filter: LogFilter, span: Span): (db: Client) => Promise<Look> {
  return async (db) => {
    if (filter.id !== undefined) await findExecution(db, filter.id);
    const end = await endOf(queriesWithin(db), filter.id);
    return { ...end, lines: await linesOf(db, filter, span) };
  };
}

/** Too many ask at once, or the database is away: that passes. */
function isForNow(error: unknown): boolean {
  return failureOf(error, () => {}).status === 503;
}

/** Its id is a time: what was finished a minute before is told. */
function eventOf(line: LogLine): StreamEvent {
  const id = finishedAt(line).toISOString();
  return { event: 'step', id, data: line as unknown as JsonObject };
}

function finishedAt(line: LogLine | undefined): Date {
  return new Date(line?.finished_at ?? 0);
}
