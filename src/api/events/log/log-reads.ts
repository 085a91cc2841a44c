import type { Queryable } from '../../../db/connection/pool.ts';
import { endOf, type LogFilter } from '../../../db/feed/step-log.ts';
import type { ReadRequest } from '../../../db/followers/source.ts';
import { queriesWithin } from '../../../db/queries/queries.ts';
import { type LogCursor, spanAfter, withTaken } from './log-cursor.ts';
import { endsOf, factsOf, type LogLine, readLogLines } from './log-lines.ts';

/** Most lines of one read. */
export const MAX_PER_READ = 1_000;

/** A request of lines after a cursor. */
export type Request = ReadRequest<LogCursor, LogFilter>;
/** Requests that share a read. `filter` is wider than theirs if they are at the common cursor. */
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
    const { status } = filter;
    const group = shared.get(statuses) ?? { filter: { status }, statuses, after, requests: [] };
    group.requests.push(request);
    shared.set(statuses, group);
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
