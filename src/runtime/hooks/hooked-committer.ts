import type { RunError } from '../../contracts/errors.ts';
import { inTransaction, type Pool, type PoolClient } from '../../db/connection/pool.ts';
import { faultOf, isRefusal } from '../../db/connection/sqlstate.ts';
import type { Commit } from '../../db/runs/commit-query.ts';
import { beginHooks } from '../../db/runs/hooks.ts';
import { type CommitResult, commitSteps } from '../../db/runs/runs.ts';
import { FORGET_SESSION } from '../../db/sql-tools/sql-sandbox.ts';
import { type Committed, type Committer, STALE } from '../owned-run/committer.ts';
import { type Draft, failing } from './hook-events.ts';
import type { RunHooks } from './run-hooks.ts';

const RETRY_MS = 200;
/** Hooks that lock what others lock may meet in a deadlock; who always does is at fault. */
const DEADLOCKS = 5;

export type HookedCommitterOptions = {
  /** For steps that no hook of the database is called for. */
  inner: Committer;
  hooks: RunHooks;
  pool: Pool;
  worker: () => string;
  /** Fires when the run is no longer held. */
  signal?: AbortSignal | undefined;
};

/**
 * Commits the steps of a run with hooks: those that hooks of the database are called for alone, each in the transaction
 * in which its hooks write. The answer says what was committed, which may be something else than was asked for.
 */
export function createHookedCommitter(options: HookedCommitterOptions): Committer {
  const { inner, hooks } = options;
  return {
    async commit(commit, tenant) {
      const draft = await hooks.reviseHere(commit);
      const revised = { ...commit, ...draft };
      return hooks.concern(revised)
        ? commitAlone(revised, tenant, options)
        : { ...draft, ...(await inner.commit(revised, tenant)) };
    },
    async commitOn(client, commit) {
      const draft = await hooks.reviseHere(commit);
      const revised = hooks.concern(draft) ? await hooks.reviseOn(client, draft) : draft;
      const result = await inner.commitOn(client, { ...commit, ...revised });
      if (result.outcome !== 'committed' && hooks.lockRows) {
        throw new Error(MEDDLING.message); // who took the run over is found out by the commit that says so
      }
      return { ...revised, ...result };
    },
  };
}

/** Rolls the transaction back: what hooks wrote belongs to a step that was not written. */
class NotWritten extends Error {
  readonly result: CommitResult;
  readonly isOurs: boolean;

  constructor(result: CommitResult, isOurs: boolean) {
    super('the step was not written');
    this.result = result;
    this.isOurs = isOurs;
  }
}

/** Sent again when its outcome is unknown, until it is known; what an earlier attempt has written stands. */
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
        return error.isOurs ? blame(commit, tenant, error.result, options) : error.result;
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

/** The attempts at one commit: only the last one that came so far can have been written. */
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
 * The run was ours when its hooks were called, and then its step could not be written. Either somebody else changed it in
 * between, or a hook did, whose change is undone by now: that run would never get on.
 */
async function blame(
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
  const draft = failing(
    commit.steps.filter(({ kind }) => kind === 'tool' || kind === 'model'),
    MEDDLING,
  );
  return { ...draft, ...(await inner.commit({ ...commit, ...draft }, tenant)) };
}

const MEDDLING: RunError = {
  code: 'internal',
  message:
    'a hook changed the run it was called for: it must not cancel it, and when the run ends not send it anything either',
  retryable: false,
};
