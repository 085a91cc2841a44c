import { parseJson } from '../../json/parse-json.ts';
import type { DecryptRunRows } from '../connection/decrypt-results.ts';
import type { Queryable } from '../connection/pool.ts';
import { equalBounds } from '../followers/read-order.ts';
import type { ReadPage, Source } from '../followers/source.ts';
import { advance, joinCommon, type LogCursor } from './log-cursor.ts';
import {
  groupsOf,
  type LogRow,
  MAX_PER_READ,
  pageOf,
  type Request,
  readGroups,
} from './log-page.ts';
import type { LogFilter } from './step-log.ts';

export type LogReads = {
  /** Runs work on a connection that sees all that the subscribers may see. */
  transaction<T>(work: (db: Queryable) => Promise<T>): Promise<T>;
  /** Decrypts contents in lines, if the transactions leave them encrypted. */
  decryptRows?: DecryptRunRows | undefined;
  /** Creates the failure for a run that does not exist. */
  noSuchRun(id: string): unknown;
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
        const decrypted = reads.decryptRows?.(read.lines, (line) => line.execution_id);
        const lines = (await decrypted) ?? read.lines;
        const isAll = lines.length < MAX_PER_READ;
        const next = advance(read.after, lines, isAll ? now : undefined);
        if (common.get(read.statuses) === read.after) common.set(read.statuses, next);
        const end = isAll ? joinCommon(common, read.statuses, now) : next;
        for (const request of read.requests) {
          const { id } = request.state;
          const page = pageOf(request, { ...read, lines }, { end, isAll, ends });
          const isThere = id === undefined || ends.has(id);
          pages.set(request, isThere ? page : { failure: reads.noSuchRun(id) });
        }
      }
      return requests.map((request) => pages.get(request) as ReadPage<LogRow>);
    },
    cursorOf: ({ cursor }) => cursor,
    placeOf: (cursor) => cursor,
    runsOf: (row) => (row.of === 'line' ? [row.line.execution_id] : []),
  };
}
