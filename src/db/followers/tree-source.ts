import type { Feed } from '../feed/feed.ts';
import {
  BUSY_MS,
  ROWS_PER_ORDER,
  type TreePosition,
  type TreeRow,
  type TreeState,
} from '../feed/tree-rows.ts';
import { rowBytes } from './row-bytes.ts';
import type { Source } from './source.ts';

/** Most live runs of a tree that are announced and whose answers stream. Others are polled. */
const MAX_LIVE = 500;
/**
 * A tree of many live runs rests between two reads, for this many milliseconds for each of them, so
 * that it does not keep the connection busy.
 */
const REST_MS_PER_RUN = 0.4;
const MIN_RUNS_TO_REST = 50;

/**
 * The state of a tree. Its order is complete if every step known to the state has a place in it.
 */
export type OrderedTree = TreeState & { isComplete: boolean };

/**
 * The rows of trees: of a run and all runs below it. The database has their order
 * (`tree_feed.sql`). Each read appends new steps to the order first. `onCommitted` is called for
 * each row, with the last step of its run.
 */
export function treeSource(
  feed: Feed,
  onCommitted: (run: string, seq: number) => void,
): Source<TreePosition, TreeRow, OrderedTree> {
  return {
    async states(ids) {
      const states = await feed.treeStates(ids, MAX_LIVE);
      const behind = states.filter(({ is_behind }) => is_behind).map((one) => one.execution_id);
      const ordered = behind.length > 0 ? await feed.orderTrees(behind, ROWS_PER_ORDER) : undefined;
      return new Map(
        states.map((state) => {
          const isComplete = !state.is_behind || ordered?.has(state.execution_id) === true;
          return [state.execution_id, { ...state, isComplete }];
        }),
      );
    },
    watched: ({ live }) => live,
    restMs({ live, isComplete }) {
      const rest = live.length >= MIN_RUNS_TO_REST ? live.length * REST_MS_PER_RUN : 0;
      return isComplete ? rest : Math.max(rest, BUSY_MS);
    },
    async read(requests, most) {
      const cursors = requests.map(({ key, after, state: { has_children, step_count } }) => ({
        ...{ id: key, after, count: has_children ? undefined : step_count },
      }));
      const { rows: found, isCut } = await feed.treeRowsAfter(cursors, most);
      for (const { execution_id, seq } of found) onCommitted(execution_id, seq);
      const byPlace = Map.groupBy(found, ({ place }) => place);
      return requests.map(({ state: { has_ended, isComplete } }, index) => {
        const rows = byPlace.get(index + 1) ?? []; // places count from 1
        if (rows.length === most || isCut || !isComplete) return { rows, next: 'more' };
        return { rows, next: has_ended ? 'end' : 'wait' };
      });
    },
    cursorOf: (row) => row.at,
    placeOf: ({ seq, position }) => `${seq} ${position}`,
    bytesOf: rowBytes,
  };
}
