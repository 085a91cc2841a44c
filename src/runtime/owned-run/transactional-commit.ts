import type { StepRecord, Transition } from '../../contracts/runs/step.ts';
import type { PoolClient } from '../../db/connection/pool.ts';

/** A commit inside a transaction of the caller. Until `end`, no other commit of the run starts. */
export type TransactionalCommit = {
  /**
   * Writes steps. Throws `StaleRunError` if the run belongs to another worker; the transaction must
   * then roll back.
   */
  write(client: PoolClient, records: StepRecord[], to?: Transition): Promise<void>;
  /** Reports that the transaction has committed, or why it has not. */
  end(error?: unknown): void;
};

/** An error that rolls back a transaction whose run has been taken over. */
export class StaleRunError extends Error {
  readonly code = 'HWSTL';
}
