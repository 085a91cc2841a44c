import type { RunError } from '../../contracts/errors.ts';
import { inTransaction, type Pool, type PoolClient } from '../../db/connection/pool.ts';
import { faultOf, isRefusal } from '../../db/connection/sqlstate.ts';
import type { Commit } from '../../db/runs/commit-query.ts';
import { beginHooks } from '../../db/runs/hooks.ts';
import { type CommitResult, commitSteps } from '../../db/runs/runs.ts';
import { FORGET_SESSION } from '../../db/sql-tools/sql-sandbox.ts';
import { type Committed, type Committer, STALE } from '../held-run/committer.ts';
import { type Draft, failedDraft } from './hook-events.ts';
import type { RunHooks } from './hooks-of-run.ts';

const RETRY_MS = 200;
/**
 * Maximum number of deadlocks in one commit. Hooks that lock the same rows as others may deadlock;
 * a hook that always deadlocks is at fault.
 */
const DEADLOCKS = 5;

export type HookedCommitterOptions = {
  /** Committer of steps for which no hook of the database is called. */
  inner: Committer;
  hooks: RunHooks;
  pool: Pool;
  worker: () => string;
  /** Fires when the run is no longer held. */
  signal?: AbortSignal | undefined;
};

/**
 * Creates a committer of the steps of a run with hooks. Steps for which hooks of the database are
 * called are committed alone, each in the transaction in which its hooks write. The result contains
 * what was committed, which may differ from what was requested.
 */
export function createHookedCommitter(options: HookedCommitterOptions): Committer {
  const { inner, hooks } = options;
  return {
    async commit(commit, tenant) {
      const draft = await hooks.reviseHere(commit);
      const revised = { ...commit, ...draft };
      return hooks.needsTransaction(revised)
        ? commitAlone(revised, tenant, options)
        : { ...draft, ...(await inner.commit(revised, tenant)) };
    },
    async commitOn(client, commit) {
      const draft = await hooks.reviseHere(commit);
      const revised = hooks.needsTransaction(draft) ? await hooks.reviseOn(client, draft) : draft;
      const result = await inner.commitOn(client, { ...commit, ...revised });
      if (result.outcome !== 'committed' && hooks.mayLockRows) {
        // the commit that reports this error finds out whether another worker took the run over
        throw new Error(MEDDLING.message);
      }
      return { ...revised, ...result };
    },
  };
}

/**
 * Error that rolls the transaction back, because what hooks wrote belongs to a step that was not
 * written.
 */
class NotWritten extends Error {
  readonly result: CommitResult;
  readonly isOurs: boolean;

  constructor(result: CommitResult, isOurs: boolean) {
    super('the step was not written');
    this.result = result;
    this.isOurs = isOurs;
  }
}

/**
 * Commits steps in a transaction of their own. Repeats the commit until its outcome is known. What
 * an earlier attempt has written stays.
 */
async function commitAlone(
  commit: Commit,
  tenant: string,
  options: HookedCommitterOptions,
): Promise<Committed> {
  const { pool, signal } = options;
  const attempts = new Attempts(commit, options);
  let deadlocks = 0;
  while (!signal?.aborted) {
    try {
      return await inTransaction(pool, (client) => attempts.make(client), FORGET_SESSION);
    } catch (error) {
      if (error instanceof NotWritten) {
        return error.isOurs
          ? handleFailedCommit(commit, tenant, error.result, options)
          : error.result;
      }
      deadlocks += Number(/^40/.test(faultOf(error).code));
      if (isRefusal(error) || deadlocks >= DEADLOCKS) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  return STALE;
}

/** Attempts at one commit. Only the last attempt that reached the commit can have been written. */
class Attempts {
  readonly #commit: Commit;
  readonly #options: HookedCommitterOptions;
  #written: Draft | undefined;

  constructor(commit: Commit, options: HookedCommitterOptions) {
    this.#commit = commit;
    this.#options = options;
  }

  async make(client: PoolClient): Promise<Committed> {
    const { hooks, worker } = this.#options;
    const run = await beginHooks(client, worker(), this.#commit);
    const isThere =
      this.#written && run?.step_count === this.#commit.after + this.#written.steps.length;
    if (!isThere && !(run?.is_owned && run.step_count === this.#commit.after)) {
      throw new NotWritten(STALE, false);
    }
    this.#written = isThere ? this.#written : await hooks.reviseOn(client, this.#commit);
    const commit = { ...this.#commit, ...this.#written };
    const result = (await commitSteps(client, worker(), [commit])).get(commit.id) ?? STALE;
    if (result.outcome !== 'committed') {
      throw new NotWritten(result, !(result.outcome === 'inbox' && run?.has_inbox));
    }
    return { ...this.#written, ...result };
  }
}

/**
 * Handles a step that could not be written, although the run was ours when its hooks were called.
 * Either somebody else changed the run in between, or a hook did. The change of a hook is undone by
 * now, and such a run would never make progress, so the run fails.
 */
async function handleFailedCommit(
  commit: Commit,
  tenant: string,
  result: CommitResult,
  { pool, worker, inner }: HookedCommitterOptions,
): Promise<Committed> {
  const run = await beginHooks(pool, worker(), commit);
  const isUnchanged = run?.is_owned && run.step_count === commit.after && !run.has_inbox;
  if (!isUnchanged) {
    return result;
  }
  const draft = failedDraft(
    commit.steps.filter(({ kind }) => kind === 'tool' || kind === 'model'),
    MEDDLING,
  );
  return { ...draft, ...(await inner.commit({ ...commit, ...draft }, tenant)) };
}

const MEDDLING: RunError = {
  code: 'internal',
  message:
    'a hook changed the run it was called for: a hook must not cancel that run, or send input to it when the run ends',
  retryable: false,
};
