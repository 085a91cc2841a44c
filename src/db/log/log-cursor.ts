import { finishedAt, type LogLine } from './log-lines.ts';
import { LATE_MS, type LogSpan } from './step-log.ts';

/** The age after which a finished step can no longer become readable. */
export const FORGET_MS = 60_000;

/** A position in the log: steps are read by time, and some become readable late. */
export type LogCursor = Readonly<{
  /** The last line that was read of each run, as far as lines of the run may be read again. */
  known: ReadonlyMap<string, LogLine>;
  /** Lines that finished more than `FORGET_MS` before this time have been read. */
  reached: number;
  /** The time of the first line. */
  begin: number;
  /** True if all lines up to `reached` have been read. */
  hasAll: boolean;
  /** The lines of a page that were taken since. */
  taken?: Readonly<{ lines: readonly LogLine[]; count: number }>;
}>;

/** Returns the cursor of a reader that begins with the lines since a time. */
export function cursorSince(begin: number): LogCursor {
  return { known: new Map(), reached: begin + FORGET_MS, begin, hasAll: false };
}

/** Returns the lines to read after a cursor. */
export function spanAfter({ known, reached, begin, hasAll }: LogCursor, limit: number): LogSpan {
  return {
    since: new Date(Math.max(begin, reached - FORGET_MS)),
    after: new Map([...known].map(([run, { seq }]) => [run, seq])),
    ...{ limit, isOldest: true },
    ...(hasAll && { changedSince: new Date(reached - LATE_MS) }),
  };
}

/** Returns the cursor after lines. `now` is the time of the read if it has read all. */
export function advance(
  before: LogCursor,
  lines: readonly LogLine[],
  now: number | undefined,
): LogCursor {
  const { begin, hasAll, reached: since } = before;
  const last = lines.at(-1);
  const reached = now ?? (hasAll || !last ? since : finishedAt(last));
  const known = new Map(before.known);
  for (const line of lines) known.set(line.execution_id, line);
  for (const [run, line] of known) {
    if (finishedAt(line) < reached - 2 * FORGET_MS) known.delete(run);
  }
  return { known, reached, begin, hasAll: hasAll || now !== undefined };
}

/** Returns a cursor that has the lines which were taken from a page. */
export function withTaken(cursor: LogCursor): LogCursor {
  const { taken, ...before } = cursor;
  return taken ? advance(before, taken.lines.slice(0, taken.count), undefined) : cursor;
}

/** Returns the common cursor. Begins a new one if nobody has followed it for a while. */
export function joinCommon(
  common: Map<string, LogCursor>,
  statuses: string,
  now: number,
): LogCursor {
  const current = common.get(statuses);
  if (current && current.reached > now - FORGET_MS) return current;
  const begin = Number.NEGATIVE_INFINITY;
  const joined = { known: new Map(), reached: now, begin, hasAll: true };
  common.set(statuses, joined);
  return joined;
}
