import type { StepRecord, Transition } from '../../contracts/runs/step.ts';
import type { PoolClient } from '../../db/connection/pool.ts';

/** A commit inside somebody's transaction. Until `end` no other commit of the run begins. */
export type TransactionalCommit = {
  /** Throws `StaleRun` when the run belongs to somebody else: the transaction must then roll back. */
  write(client: PoolClient, records: StepRecord[], to?: Transition): Promise<void>;
  /** Tells that the transaction has committed, or why not. */
  end(error?: unknown): void;
};

/** Thrown to roll a transaction back whose run has been taken over. */
export class StaleRunError extends Error {
  readonly code = 'HWSTL';
}
