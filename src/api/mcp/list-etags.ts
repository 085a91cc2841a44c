import { type ListMarks, listMarks } from '../../db/mcp/sessions.ts';
import type { Caller } from '../../mcp-server/caller.ts';

/**
 * Maximum age of marks, in milliseconds. In that time, the clients of one key and their streams
 * cost one query.
 */
const FRESH_MS = 1_500;
/**
 * Minimum time between two queries, as a multiple of the duration of a query. Slow queries are thus
 * repeated less often.
 */
const REST = 50;
/** Number of entries above which expired entries are deleted. */
const MANY = 1_000;

/** Creates a cache of the marks of lists, for callers that see the same lists. */
export function createListMarks(now: () => number = () => performance.now()) {
  const known = new Map<string, { until: number; marks: Promise<ListMarks> }>();
  return (key: string, transact: Caller['transact']): Promise<ListMarks> => {
    const before = known.get(key);
    if (before && now() < before.until) return before.marks;
    if (known.size > MANY) {
      for (const [other, { until }] of known) if (now() >= until) known.delete(other);
    }
    const startedAt = now();
    const read = { until: Number.POSITIVE_INFINITY, marks: transact(listMarks) };
    known.set(key, read);
    read.marks.then(
      () => {
        read.until = startedAt + Math.max(FRESH_MS, REST * (now() - startedAt));
      },
      () => {
        if (known.get(key) === read) known.delete(key);
      },
    );
    return read.marks;
  };
}
