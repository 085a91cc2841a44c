import type { Pool, PoolClient } from '../db/pool.ts';
import { type Commit, type CommitResult, commitSteps } from '../db/runs.ts';
import { isRefusal } from '../db/sqlstate.ts';

/** Batches in flight at once: while the database works on some and waits for its disk, this process works on what another gave back. */
const FLUSHES = 3;
/** A call costs as much as some fifteen commits in it: fewer are not shared out between calls. */
const WORTH_A_CALL = 16;
/** More gain nothing, and all of them wait for the last. */
const MOST_AT_ONCE = 512;
const RETRY_MS = 200;

/** With what was written, when that is not what was asked for. */
export type Committed = CommitResult & Partial<Pick<Commit, 'steps' | 'to'>>;

export type Committer = {
  /**
   * Durable when it resolves. `stale` means another worker owns the run, or this process gave up. Rejects
   * when the database refuses the content itself.
   */
  commit(commit: Commit): Promise<Committed>;
  /** The same in a transaction of the caller, who rolls it back unless the answer is `committed`. */
  commitOn(client: PoolClient, commit: Commit): Promise<Committed>;
};

type Pending = {
  commit: Commit;
  resolve(result: CommitResult): void;
  reject(error: unknown): void;
};

/**
 * Group commit: the steps of all runs that are ready in one turn of the event loop go to the database in one call,
 * one transaction, one flush. A batch whose outcome is unknown, because the connection was lost, is simply sent again:
 * `commit_steps` recognises what it has written already.
 */
export function createCommitter(pool: Pool, worker: () => string, signal: AbortSignal): Committer {
  const waiting: Pending[] = [];
  let flushing = 0;
  let underWay = 0;
  let scheduled = false;

  /** A few beside a large batch wait for it: it would only be slower if they had a call of their own. */
  const isDue = (): boolean =>
    flushing === 0 || (flushing < FLUSHES && waiting.length * 4 >= underWay);

  const schedule = (): void => {
    if (!scheduled && waiting.length > 0 && isDue()) {
      scheduled = true;
      setImmediate(flush);
    }
  };

  /** An equal part of all that is to be committed, so that the calls stay about equal and no side waits for the other. */
  const take = (): Pending[] => {
    const part = Math.ceil((waiting.length + underWay) / FLUSHES);
    return waiting.splice(0, Math.min(Math.max(part, WORTH_A_CALL), MOST_AT_ONCE));
  };

  const flush = async (): Promise<void> => {
    scheduled = false;
    const batch = take();
    flushing += 1;
    underWay += batch.length;
    schedule();
    await send(pool, worker(), batch, signal);
    flushing -= 1;
    underWay -= batch.length;
    schedule();
  };

  return {
    commit(commit) {
      return new Promise((resolve, reject) => {
        waiting.push({ commit, resolve, reject });
        schedule();
      });
    },
    async commitOn(client, commit) {
      return (await commitSteps(client, worker(), [commit])).get(commit.id) ?? STALE;
    },
  };
}

async function send(
  pool: Pool,
  worker: string,
  batch: Pending[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const results = await commitSteps(
        pool,
        worker,
        batch.map((pending) => pending.commit),
      );
      for (const { commit, resolve } of batch) {
        resolve(results.get(commit.id) ?? STALE);
      }
      return;
    } catch (error) {
      if (isRefusal(error)) {
        return refuse(pool, worker, batch, error, signal);
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  for (const { resolve } of batch) {
    resolve(STALE);
  }
}

/** One row's content failed the batch: each is committed alone, so that only its owner hears of it. */
async function refuse(
  pool: Pool,
  worker: string,
  batch: Pending[],
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  const [only, ...others] = batch;
  if (only && others.length === 0) {
    only.reject(error);
    return;
  }
  for (const pending of batch) {
    await send(pool, worker, [pending], signal);
  }
}

export const STALE: CommitResult = {
  outcome: 'stale',
  status: 'queued',
  step_count: 0,
  exhausted: null,
  active_ms_left: null,
  watched: false,
  has_inbox: false,
  is_pause_requested: false,
  over_quota: false,
  are_calls_limited: false,
  settings: null,
  rules_stamp: null,
};
