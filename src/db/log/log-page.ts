import type { Queryable } from '../connection/pool.ts';
import type { Page, ReadRequest } from '../followers/source.ts';
import { queriesWithin } from '../queries/queries.ts';
import { type LogCursor, spanAfter, withTaken } from './log-cursor.ts';
import { endsOf, factsOf, type LogLine, matches, readLogLines } from './log-lines.ts';
import { endOf, type LogFilter } from './step-log.ts';

/** Most lines of one read. */
export const MAX_PER_READ = 1_000;

/** A line, or the end of a read. */
export type LogRow = { cursor: LogCursor } & (
  | { of: 'line'; line: LogLine }
  /** With the id of a run, the run has ended. */
  | { of: 'end'; id?: string | undefined }
);

/** A request of lines after a cursor. */
export type Request = ReadRequest<LogCursor, LogFilter>;
/** Requests that share a read. `filter` is wider than theirs if their filters differ. */
export type Group = { filter: LogFilter; statuses: string; after: LogCursor; requests: Request[] };
/** The lines of a group, and the facts of their runs. */
export type GroupRead = Group & {
  lines: readonly LogLine[];
  facts: Awaited<ReturnType<typeof factsOf>>;
};

/** Divides requests into reads, those from the common cursors first. */
export function groupsOf(
  requests: readonly Request[],
  common: ReadonlyMap<string, LogCursor>,
): Group[] {
  const shared = new Map<string, Group>();
  const own: Group[] = [];
  for (const request of requests) {
    const { state: filter, after } = request;
    const statuses = String(filter.status?.toSorted());
    if (common.get(statuses) !== after) {
      own.push({ filter, statuses, after: withTaken(after), requests: [request] });
      continue;
    }
    const group = shared.get(statuses);
    if (!group) {
      shared.set(statuses, { filter, statuses, after, requests: [request] });
      continue;
    }
    group.filter = { status: filter.status, tenantId: filter.tenantId };
    group.requests.push(request);
  }
  return [...shared.values(), ...own];
}

/** Reads whether runs have ended before their steps, so that no end is reported too early. */
export async function readGroups(
  db: Queryable,
  groups: readonly Group[],
  requests: readonly Request[],
) {
  const ends = await endsOf(db, [...new Set(requests.flatMap(({ state: { id } }) => id ?? []))]);
  const now = (await endOf(queriesWithin(db), undefined)).now.getTime();
  const found: GroupRead[] = [];
  for (const group of groups) {
    const lines = await readLogLines(db, group.filter, spanAfter(group.after, MAX_PER_READ));
    const runs = new Set(lines.map((line) => line.execution_id));
    found.push({ ...group, lines, facts: await factsOf(db, [...runs]) });
  }
  return { now, ends, found };
}

/** The end of a read: its cursor, and which runs have ended. */
export type ReadEnd = { end: LogCursor; isAll: boolean; ends: ReadonlyMap<string, boolean> };

/** Returns the lines of a read that a request gets, and the end of the read. */
export function pageOf(
  { state: filter, after }: Request,
  { lines, facts }: Pick<GroupRead, 'lines' | 'facts'>,
  { end, isAll, ends }: ReadEnd,
): Page<LogRow> {
  const { id } = filter;
  const before = withTaken(after);
  const fitting = lines.filter((line) => matches(filter, line, facts.get(line.execution_id)));
  const rows = fitting.map((line, nth): LogRow => {
    return { of: 'line', line, cursor: { ...before, taken: { lines: fitting, count: nth + 1 } } };
  });
  const hasEnded = isAll && id !== undefined && ends.get(id) === true;
  rows.push({ of: 'end', cursor: end, id: hasEnded ? id : undefined });
  if (hasEnded) return { rows, next: 'end' };
  return { rows, next: isAll ? 'wait' : 'more' };
}
