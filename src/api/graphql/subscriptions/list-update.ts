import type { ListEvent } from '../../../db/lists/list-view.ts';

/**
 * An event of a list. `row` is the id of the row to read, if there is one to show. A gathered event
 * has the ids of several rows to read, and of rows that left the list.
 */
export type ListUpdate = {
  kind: ListEvent['type'] | 'gathered';
  cursor: string | null;
  id: string | null;
  row: string | null;
  rows: readonly string[];
  removed: readonly string[];
  /** Size of the changed rows. */
  bytes: number;
};
