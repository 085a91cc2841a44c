import type { Pool } from '../connection/pool.ts';
import { openRunListener, type RunListener } from '../feed/run-listener.ts';
import { Follower } from '../followers/follower.ts';
import { POLL_MS } from '../followers/poll-pause.ts';
import { type Queries, queriesOn } from '../queries/queries.ts';
import { cursorSince } from './log-cursor.ts';
import type { LogLine } from './log-lines.ts';
import { type LogReads, logSource } from './log-source.ts';
import { lineView, SeenSteps } from './log-view.ts';
import { endOf, LATE_MS, type LogFilter, loggedSteps, type StepLogRow } from './step-log.ts';

/** The minimum pause between two reads. Many steps are read at once. */
const MIN_PAUSE_MS = 50;

type Place = { pool: Pool; url: string; signal: AbortSignal } & Pick<LogReads, 'noSuchRun'>;

/**
 * Yields the result of `read`, then each new step as it commits, until the signal fires. With the
 * id of a run, ends when the run has ended. Reads the log twice a second as the login of the pool,
 * and uses announcements only to read immediately.
 */
export async function* followLog(
  { pool, url, signal, noSuchRun }: Place,
  filter: LogFilter,
  read: () => Promise<readonly StepLogRow[]>,
): AsyncGenerator<StepLogRow> {
  const ids = filter.id === undefined ? [] : [filter.id];
  const left = new AbortController();
  const until = AbortSignal.any([signal, left.signal]);
  const listener = await openRunListener(url, ids, until);
  try {
    const start = await startOf(queriesOn(pool), filter);
    yield* start.seen.note(await read());
    const source = logSource({ transaction: (work) => work(pool), noSuchRun });
    const follower = new Follower(
      { ...source, mayRestMs: () => POLL_MS },
      { pollMs: MIN_PAUSE_MS, restMs: POLL_MS, isTemporary: () => false },
    );
    const view = lineView({ ...start, ofLine: rowOf });
    const steps = follower.followView(JSON.stringify(filter), cursorSince(start.begin), view);
    const leave = () => void steps.return?.();
    until.addEventListener('abort', leave);
    if (until.aborted) leave();
    void wakeOnNews(follower, listener, ids, until);
    yield* steps;
  } finally {
    left.abort();
    await listener.close();
  }
}

/** Returns where new steps begin, and all existing steps as known, shown or not. */
async function startOf(db: Queries, filter: LogFilter) {
  const begin = (await endOf(db, undefined)).now.getTime() - LATE_MS;
  const before = { ...filter, errors: undefined, status: undefined };
  const seen = new SeenSteps();
  seen.note(await loggedSteps(db, before, { since: new Date(begin) }));
  return { begin, seen };
}

/** Wakes the follower at announcements of these runs, and twice a second in any case. */
async function wakeOnNews(
  follower: Pick<Follower<never, never, never>, 'wake'>,
  listener: RunListener,
  ids: readonly string[],
  until: AbortSignal,
): Promise<void> {
  while (!until.aborted) {
    await listener.nextChanged(ids);
    follower.wake();
  }
}

function rowOf({ started_at, finished_at, ...line }: LogLine): StepLogRow {
  return { ...line, started_at: new Date(started_at), finished_at: new Date(finished_at) };
}
