import type { Feed, FeedRunState } from '../feed/feed.ts';
import type { FeedRow } from '../feed/tree-rows.ts';
import { rowBytes } from './row-bytes.ts';
import type { Page, ReadRequest, Source } from './source.ts';

const NOTHING = { rows: [], isCut: false };

/**
 * The steps of runs. The cursor is the seq of the last step. `onCommitted` is called with the
 * number of steps that a run is found to have.
 */
export function runSource(
  feed: Feed,
  onCommitted: (run: string, seq: number) => void,
): Source<number, FeedRow, FeedRunState> {
  return {
    async states(ids) {
      const states = await feed.states(ids);
      for (const { execution_id, step_count } of states) onCommitted(execution_id, step_count);
      return new Map(states.map((state) => [state.execution_id, state]));
    },
    async read(requests, most) {
      const behind = requests.filter(({ after, state }) => after < state.step_count);
      const cursors = behind.map(({ key, after }) => [key, after] as const);
      const found = cursors.length > 0 ? await feed.stepsAfter(cursors, most) : NOTHING;
      const byPlace = Map.groupBy(found.rows, ({ place }) => place);
      const places = new Map(behind.map((request, index) => [request, index + 1]));
      return requests.map((request) =>
        pageOf(request, byPlace.get(places.get(request) ?? 0) ?? [], { most, ...found }),
      );
    },
    cursorOf: (row) => row.seq,
    placeOf: (cursor) => cursor,
    bytesOf: rowBytes,
  };
}

function pageOf(
  { after, state }: ReadRequest<number, FeedRunState>,
  rows: readonly FeedRow[],
  { most, isCut }: { most: number; isCut: boolean },
): Page<FeedRow> {
  const isAll = (rows.at(-1)?.seq ?? after) >= state.step_count;
  if (hasEnded(state) && isAll) return { rows, next: 'end' };
  return { rows, next: rows.length === most || (isCut && !isAll) ? 'more' : 'wait' };
}

/** Returns whether a run has ended. */
export function hasEnded({ status }: { status: string }): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}
