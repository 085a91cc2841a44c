import type { Queryable } from '../../../db/connection/pool.ts';
import { endOf, type LogFilter } from '../../../db/feed/step-log.ts';
import { equalBounds } from '../../../db/followers/read-order.ts';
import type { ReadPage, ReadRequest, Source } from '../../../db/followers/source.ts';
import { queriesWithin } from '../../../db/queries/queries.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { advance, joinCommon, type LogCursor, spanAfter, withTaken } from './log-cursor.ts';
import { endsOf, factsOf, type LogLine, matches, readLogLines } from './log-lines.ts';

/** Most lines of one read. */
const MOST_PER_READ = 1_000;

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

type Request = ReadRequest<LogCursor, LogFilter>;
/** Requests that share a read. `filter` is wider than theirs if they are at the common cursor. */
type Group = { filter: LogFilter; statuses: string; after: LogCursor; requests: Request[] };
type GroupRead = Group & { lines: readonly LogLine[]; facts: Awaited<ReturnType<typeof factsOf>> };

/**
 * The steps of runs of one tenant as lines. The keys are filters. Who has all lines continues from
 * one common cursor, of which one read serves all. A line does not have the status of its run, so
 * each combination of statuses has a common cursor of its own. Who lacks lines reads with its own
 * filter, and may get some again when it joins the others.
 */
export function logSource(reads: LogReads): Source<LogCursor, LogRow, LogFilter> {
  const common = new Map<string, LogCursor>();
  return {
    bounds: equalBounds(MOST_PER_READ),
    states: async (keys) => new Map(keys.map((key) => [key, JSON.parse(key) as LogFilter])),
    async read(requests) {
      const { now, ends, found } = await reads.transaction((db) =>
        readGroups(db, groupsOf(requests, common), requests),
      );
      const pages = new Map<Request, ReadPage<LogRow>>();
      for (const read of found) {
        const lines = await reads.decryptRows(read.lines, (line) => line.execution_id);
        const isAll = lines.length < MOST_PER_READ;
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

/** Divides requests into reads, those from the common cursors first. */
function groupsOf(requests: readonly Request[], common: ReadonlyMap<string, LogCursor>): Group[] {
  const shared = new Map<string, Group>();
  const own: Group[] = [];
  for (const request of requests) {
    const { state: filter, after } = request;
    const statuses = String(filter.status?.toSorted());
    if (common.get(statuses) !== after) {
      own.push({ filter, statuses, after: withTaken(after), requests: [request] });
      continue;
    }
    const { status } = filter;
    const group = shared.get(statuses) ?? { filter: { status }, statuses, after, requests: [] };
    group.requests.push(request);
    shared.set(statuses, group);
  }
  return [...shared.values(), ...own];
}

/** Reads whether runs have ended before their steps, so that no end is reported too early. */
async function readGroups(db: Queryable, groups: readonly Group[], requests: readonly Request[]) {
  const ends = await endsOf(db, [...new Set(requests.flatMap(({ state: { id } }) => id ?? []))]);
  const now = (await endOf(queriesWithin(db), undefined)).now.getTime();
  const found: GroupRead[] = [];
  for (const group of groups) {
    const lines = await readLogLines(db, group.filter, spanAfter(group.after, MOST_PER_READ));
    const runs = new Set(lines.map((line) => line.execution_id));
    found.push({ ...group, lines, facts: await factsOf(db, [...runs]) });
  }
  return { now, ends, found };
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
