import { equalBounds } from '../followers/read-order.ts';
import type { ReadPage, ReadRequest, Source } from '../followers/source.ts';
import { type ChangesRead, MAX_PER_READ } from './list-changes.ts';
import type { ListCursor } from './list-cursor.ts';
import { type FollowedFilter, type ListPlace, type ListRow, shownRowOf } from './list-rows.ts';
import { checksOf } from './list-sweep.ts';

export type ListReads = {
  /** Reads changes after a cursor, and shows the rows that match one of these filters. */
  changes(after: ListCursor, filters: FollowedFilter['where'][]): Promise<ChangesRead>;
  /** Returns the runs of rows. Omits rows that no longer exist. */
  runsOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  isTemporary(failure: unknown): boolean;
};

type Request = ReadRequest<ListPlace, FollowedFilter>;

/**
 * The changes of one list of a tenant. The keys are filters. Cursors that are equal share a read,
 * whatever their filters. Who has all changes gets one common cursor, so one read usually serves
 * all. No other subscriber continues from a cursor that a client sent.
 */
export function listSource(
  reads: ListReads,
  filters: ReadonlyMap<string, FollowedFilter>,
): Source<ListPlace, ListRow, FollowedFilter> {
  let restMs = 0;
  return {
    mayRestMs: () => restMs,
    bounds: equalBounds(MAX_PER_READ),
    async states(keys) {
      restMs = Number.POSITIVE_INFINITY; // a read may have several queries
      return new Map(keys.map((key) => [key, filters.get(key) as FollowedFilter]));
    },
    async read(requests) {
      const pages = new Map<Request, ReadPage<ListRow>>();
      const groups = [...Map.groupBy(requests, ({ after }) => after).values()];
      groups.sort((a, b) => b.length - a.length);
      let shared: ListPlace | undefined;
      for (const group of groups) {
        const { cursor, isForeign } = (group[0] as Request).after;
        try {
          const read = await reads.changes(
            cursor,
            group.map(({ state }) => state.where),
          );
          restMs = Math.min(restMs, read.restMs);
          const own = isForeign ? read.newCursor : read.cursor;
          // A later read contains the changes of an earlier one, so the earlier cursor suits both.
          if (read.isComplete) shared ??= { cursor: own, isForeign: false };
          const place = read.isComplete && shared ? shared : { cursor: read.cursor, isForeign };
          for (const [nth, request] of group.entries()) {
            const rows = [...changesOf(read, nth, isForeign), endOf(read, place, isForeign)];
            if (read.isComplete)
              rows.push(...(await checksOf(request.state, place, { ...reads, restMs })));
            pages.set(request, { rows, next: read.isComplete ? 'wait' : 'more' });
          }
        } catch (failure) {
          if (reads.isTemporary(failure)) throw failure;
          restMs = 0;
          // a filter that fails ends only the streams that have it
          if (group.length > 1) groups.push(...group.map((request) => [request]));
          else pages.set(group[0] as Request, { failure });
        }
      }
      return requests.map((request) => pages.get(request) as ReadPage<ListRow>);
    },
    cursorOf: ({ place }) => place,
    placeOf: (place) => place,
    runsOf(row) {
      if (row.of === 'change') return [row.change.execution_id];
      return row.of === 'check' && row.run !== undefined ? [row.run] : [];
    },
  };
}

function changesOf({ changes, now }: ChangesRead, filter: number, isForeign: boolean): ListRow[] {
  return changes.map((change) => ({
    ...{ of: 'change', place: { cursor: change.cursor, isForeign }, change, now },
    shown: change.matches.has(filter) ? shownRowOf(change.row) : undefined,
  }));
}

/** A client that resumes gets the exact cursor, since the shared one would repeat changes. */
function endOf({ cursor, isComplete, now }: ChangesRead, place: ListPlace, isForeign: boolean) {
  const synced = isForeign ? cursor : place.cursor;
  return { of: 'end', place, synced, isComplete, now } satisfies ListRow;
}
