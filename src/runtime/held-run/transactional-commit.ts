import type { StepRecord, Transition } from '../../contracts/runs/step.ts';
import type { PoolClient } from '../../db/connection/pool.ts';

/**
 * A commit of a run inside a transaction of the caller; see `HeldRun.commitWithin`. No other commit
 * of the run starts between `begin` and the end of the transaction.
 */
export type TransactionalCommit = {
  /**
   * Waits for the turn of this commit. Throws `StaleRunError` if the run has been given up before.
   */
  begin(): Promise<void>;
  /**
   * Writes steps, after `begin` if that was not called. Throws `StaleRunError` if the run belongs
   * to another worker; the transaction must then roll back.
   */
  write(client: PoolClient, records: StepRecord[], to?: Transition): Promise<void>;
};

/** An error that rolls back a transaction whose run has been taken over. */
export class StaleRunError extends Error {
  readonly code = 'HWSTL';
}
