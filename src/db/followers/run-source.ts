import type { Feed, FeedRunState } from '../feed/feed.ts';
import type { FeedRow } from '../feed/tree-rows.ts';
import { rowBytes } from './row-bytes.ts';
import type { Page, ReadRequest, Source } from './source.ts';

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
      const rows = cursors.length > 0 ? await feed.stepsAfter(cursors, most) : [];
      const byRun = Map.groupBy(rows, ({ execution_id }) => execution_id);
      // a run with two cursors has some steps twice
      const inOrder = new Map<string, FeedRow[]>();
      for (const [id, steps] of byRun) {
        const unique = new Map(steps.map((step) => [step.seq, step]));
        inOrder.set(
          id,
          [...unique.values()].sort((a, b) => a.seq - b.seq),
        );
      }
      return requests.map((request) => pageOf(request, inOrder.get(request.key) ?? [], most));
    },
    cursorOf: (row) => row.seq,
    placeOf: (cursor) => cursor,
    bytesOf: rowBytes,
  };
}

function pageOf(
  { after, state }: ReadRequest<number, FeedRunState>,
  steps: readonly FeedRow[],
  most: number,
): Page<FeedRow> {
  const rows = steps.filter(({ seq }) => seq > after).slice(0, most);
  const last = rows.at(-1)?.seq ?? after;
  if (hasEnded(state) && last >= state.step_count) return { rows, next: 'end' };
  return { rows, next: rows.length === most ? 'more' : 'wait' };
}

/** Returns whether a run has ended. */
export function hasEnded({ status }: { status: string }): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}
