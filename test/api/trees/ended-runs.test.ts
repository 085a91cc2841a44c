import { expect, test, vi } from 'vitest';
import {
  readTree,
  type TreeItem,
  type TreeStreamSources,
} from '../../../src/api/events/tree-reader.ts';
import type { TreeRow } from '../../../src/db/feed/tree-rows.ts';
import type { LiveItem } from '../../../src/db/followers/announcements.ts';

/** Rows and pieces of a tree, in order of arrival. */
type Arrival = { row: TreeRow } | { piece: { execution_id: string; seq: number; text: string } };

/** Reads a tree whose rows and pieces arrive one after the other. */
async function read(arrivals: readonly Arrival[]) {
  const placeOf = vi.fn(async (id: string) => ({
    execution_id: id,
    agent: 'helper',
    ancestors: ['top'],
  }));
  const waiting = [...arrivals];
  let wake = Promise.withResolvers<void>();
  const next = async <T>(pick: (arrival: Arrival) => T | undefined): Promise<T | undefined> => {
    for (;;) {
      const [first] = waiting;
      if (first === undefined) return undefined;
      const found = pick(first);
      if (found !== undefined) {
        waiting.shift();
        return found;
      }
      await wake.promise;
    }
  };
  async function* stream<T>(pick: (arrival: Arrival) => T | undefined) {
    for (let one = await next(pick); one !== undefined; one = await next(pick)) {
      yield one;
      wake.resolve();
      wake = Promise.withResolvers();
    }
  }
  const sources = {
    readStepDetails: async () => ({ messages: [], questions: [] }),
    find: async () => undefined,
    isSeen: async () => true,
    placeOf,
    treeCursors: async () => new Map(),
    lastPosition: async () => 0,
    positionOfQuestion: async () => 0,
    tree: () => stream((one) => ('row' in one ? one.row : undefined)),
    treeLive: () =>
      stream((one) =>
        'piece' in one ? ({ of: 'piece', piece: one.piece } as unknown as LiveItem) : undefined,
      ),
  } as unknown as TreeStreamSources;
  const items: TreeItem[] = [];
  const cursor = { seq: 0, position: 0, sent: 0 };
  for await (const item of readTree(sources, 'top', cursor, new AbortController().signal)) {
    items.push(item);
  }
  return { items, placeOf };
}

const rowAt = (position: number, execution_id: string, seq: number, isEnd = false): Arrival => ({
  row: {
    at: { seq: 1, position },
    execution_id,
    seq,
    ...(!isEnd && { row: { execution_id, seq, step: { kind: 'tool_started' } } }),
  },
});
const pieceOf = (execution_id: string, seq: number): Arrival => ({
  piece: { execution_id, seq, text: 'x' },
});
const tokensOf = (items: readonly TreeItem[]) =>
  items.filter((item) => item.of === 'below' && item.event?.event === 'token').length;

test('a run is forgotten with its end, and known again if it goes on', async () => {
  const { placeOf } = await read([
    rowAt(1, 'a', 1),
    rowAt(2, 'b', 1),
    rowAt(3, 'a', 1, true),
    rowAt(4, 'b', 2),
    rowAt(5, 'a', 2),
    rowAt(6, 'a', 3),
  ]);
  expect(placeOf.mock.calls.map(([id]) => id)).toEqual(['a', 'b', 'a']);
});

test('pieces that come after the end of a run are dropped, and those of a later attempt are not', async () => {
  const { items, placeOf } = await read([
    rowAt(1, 'a', 1),
    rowAt(2, 'a', 1, true),
    pieceOf('a', 1),
    pieceOf('a', 2),
    rowAt(3, 'a', 2),
  ]);
  expect(tokensOf(items)).toBe(1);
  expect(placeOf).toHaveBeenCalledTimes(2);
});
