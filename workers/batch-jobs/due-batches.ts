import { inTransaction, type Pool, type PoolClient } from '../../src/db/connection/pool.ts';
import { type DueKind, failDue } from '../../src/db/worker/batch-progress.ts';
import type { Batch } from './batch-job.ts';

export type DueBatchOptions<Row> = {
  /** The most rows in a transaction. */
  atMost: number;
  /** Locks due rows and returns them. */
  take(client: PoolClient, atMost: number): Promise<Row[]>;
  idOf(row: Row): string;
  /** Does the rows and takes them off the queue. Returns the number of those that are done. */
  work(client: PoolClient, rows: readonly Row[]): Promise<number>;
};

/**
 * Creates batches that do rows of `due_work`, each in one transaction. When a transaction fails,
 * its rows are done one by one, so that only the row that fails is tried again later.
 */
export function createDueBatches<Row>(
  pool: Pool,
  kind: DueKind,
  { atMost, take, idOf, work }: DueBatchOptions<Row>,
): () => Promise<Batch> {
  let alone = 0;
  return async () => {
    const most = alone > 0 ? 1 : atMost;
    alone = Math.max(0, alone - 1);
    let rows: Row[] = [];
    try {
      const done = await inTransaction(pool, async (client) => {
        rows = await take(client, most);
        return work(client, rows);
      });
      return { done, isMore: rows.length > 0 };
    } catch (error) {
      const [row, ...others] = rows;
      if (row === undefined) throw error;
      if (others.length > 0) {
        alone = rows.length;
        return { done: 0, isMore: true };
      }
      await failDue(pool, kind, idOf(row), error);
      return { done: 0, failures: [{ error, id: idOf(row) }], isMore: true };
    }
  };
}
