import type { Queryable } from '../../../db/connection/pool.ts';
import type { LogFilter } from '../../../db/feed/step-log.ts';
import { equalBounds } from '../../../db/followers/read-order.ts';
import type { ReadPage, Source } from '../../../db/followers/source.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { advance, joinCommon, type LogCursor, withTaken } from './log-cursor.ts';
import { type LogLine, matches } from './log-lines.ts';
import { type GroupRead, groupsOf, MAX_PER_READ, type Request, readGroups } from './log-reads.ts';

/** A line, or the end of a read. */
export type LogRow = { cursor: LogCursor } & (
  | { of: 'line'; line: LogLine }
  /** With the id of a run, the run has ended. */
  | { of: 'end'; id?: string | undefined }
);

export type LogReads = {
  /** Runs work in a transaction that sees the whole tenant, after waiting for its turn. */
  transaction<T>(work: (db: Queryable) => Promise<T>): Promise<T>;
  /** Decrypts contents in lines, which the transactions leave encrypted. */
  decryptRows(
    lines: readonly LogLine[],
    runOf: (line: LogLine) => string,
  ): Promise<readonly LogLine[]>;
};

/**
 * The steps of runs of one tenant as lines. The keys are filters. Who has all lines continues from
 * one common cursor, of which one read serves all. A line does not have the status of its run, so
 * each combination of statuses has a common cursor of its own. Who lacks lines reads with its own
 * filter, and may get some again when it joins the others.
 */
export function logSource(reads: LogReads): Source<LogCursor, LogRow, LogFilter> {
  const common = new Map<string, LogCursor>();
  return {
    bounds: equalBounds(MAX_PER_READ),
    states: async (keys) => new Map(keys.map((key) => [key, parseJson(key) as LogFilter])),
    async read(requests) {
      const { now, ends, found } = await reads.transaction((db) =>
        readGroups(db, groupsOf(requests, common), requests),
      );
      const pages = new Map<Request, ReadPage<LogRow>>();
      for (const read of found) {
        const lines = await reads.decryptRows(read.lines, (line) => line.execution_id);
        const isAll = lines.length < MAX_PER_READ;
        const next = advance(read.after, lines, isAll ? now : undefined);
        if (common.get(read.statuses) === read.after) common.set(read.statuses, next);
        const end = isAll ? joinCommon(common, read.statuses, now) : next;
        for (const request of read.requests) {
          pages.set(request, pageOf(request, { ...read, lines }, { end, isAll, ends }));
        }
      }
      return requests.map((request) => pages.get(request) as ReadPage<LogRow>);
    },
    cursorOf: ({ cursor }) => cursor,
    placeOf: (cursor) => cursor,
    runsOf: (row) => (row.of === 'line' ? [row.line.execution_id] : []),
  };
}

function pageOf(
  { state: filter, after }: Request,
  { lines, facts }: GroupRead,
  { end, isAll, ends }: { end: LogCursor; isAll: boolean; ends: ReadonlyMap<string, boolean> },
): ReadPage<LogRow> {
  const { id } = filter;
  if (id !== undefined && !ends.has(id)) return { failure: noSuch('execution', id) };
  const before = withTaken(after);
  const fitting = lines.filter((line) => matches(filter, line, facts.get(line.execution_id)));
  const hasEnded = isAll && id !== undefined && ends.get(id) === true;
  const rows = fitting.map((line, nth): LogRow => {
    return { of: 'line', line, cursor: { ...before, taken: { lines: fitting, count: nth + 1 } } };
  });
  rows.push({ of: 'end', cursor: end, id: hasEnded ? id : undefined });
  if (hasEnded) return { rows, next: 'end' };
  return { rows, next: isAll ? 'wait' : 'more' };
}
