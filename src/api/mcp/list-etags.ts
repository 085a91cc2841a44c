import { type ListMarks, listMarks } from '../../db/mcp/sessions.ts';
import type { Caller } from '../../mcp-server/caller.ts';

/** How old marks may be: clients of one key and their many streams cost one query in that time. */
const FRESH_MS = 1_500;
/** Where they take long they are asked for less often: in so many times what they took. */
const REST = 50;
/** Beyond this, what is stale is forgotten. */
const MANY = 1_000;

/** The marks of lists, once in a while for all who see the same. */
export function createListMarks(now: () => number = () => performance.now()) {
  const known = new Map<string, { until: number; marks: Promise<ListMarks> }>();
  return (key: string, transact: Caller['transact']): Promise<ListMarks> => {
    const before = known.get(key);
    if (before && now() < before.until) return before.marks;
    if (known.size > MANY) {
      for (const [other, { until }] of known) if (now() >= until) known.delete(other);
    }
    const begun = now();
    const read = { until: Number.POSITIVE_INFINITY, marks: transact(listMarks) };
    known.set(key, read);
    read.marks.then(
      () => {
        read.until = begun + Math.max(FRESH_MS, REST * (now() - begun));
      },
      () => {
        if (known.get(key) === read) known.delete(key);
      },
    );
    return read.marks;
  };
}
