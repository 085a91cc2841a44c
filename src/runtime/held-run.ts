import type { RunState } from '../contracts/action.ts';
import type { AgentDefinition } from '../contracts/definition.ts';
import type { RunContext, StepRecord, Transition } from '../contracts/step.ts';
import type { Pool, PoolClient } from '../db/pool.ts';
import { beginRisk, type ClaimedRun, type CommitResult, commitSteps } from '../db/runs.ts';
import type { Committer } from './committer.ts';
import { foldLog, foldRecords } from './fold.ts';

/** A run this process owns: its folded log, and the only way to add to it. */
export type HeldRun = {
  readonly id: string;
  readonly definition: AgentDefinition;
  readonly context: RunContext;
  /** Fires when the run is no longer ours: cancelled, taken over, handed on. */
  readonly abort: AbortController;
  state: RunState;
  /** False once the run has ended, is parked or belongs to somebody else. */
  isHeld: boolean;
  /** When its active time is used up, by `performance.now()`. */
  deadline: number;
  /** Adds steps and perhaps ends or parks the run; durable when it resolves. Commits of one run are in order. */
  commit(records: StepRecord[], to?: Transition): Promise<void>;
  /** Call before running code in this process that might kill it; durable for a suspect, free for all others. */
  beginRisk(): Promise<void>;
  /**
   * Waits for its turn to commit on a transaction of the caller, who says when that is over. Throws `StaleRun` when the
   * run has been let go before.
   */
  beginCommit(): Promise<OwnCommit>;
};

/** A commit inside somebody's transaction. Until `end` no other commit of the run begins. */
export type OwnCommit = {
  /** Throws `StaleRun` when the run belongs to somebody else: the transaction must then roll back. */
  write(client: PoolClient, records: StepRecord[]): Promise<void>;
  /** Tells that the transaction has committed (or not). */
  end(committed: boolean): void;
};

/** Thrown to roll a transaction back whose run has been taken over. */
export class StaleRun extends Error {
  readonly code = 'HWSTL';
}

export type HoldOptions = {
  run: ClaimedRun;
  definition: AgentDefinition;
  committer: Committer;
  worker: () => string;
  pool: Pool;
  /** Called after every commit of a run that somebody watches. */
  announce(id: string): void;
};

/** Makes a claimed run workable. */
export function holdRun(options: HoldOptions): HeldRun {
  const { run, definition, committer } = options;
  let after = run.step_count;
  let turn: Promise<void> = Promise.resolve();

  const held: HeldRun = {
    id: run.execution_id,
    definition,
    context: contextOf(run),
    abort: new AbortController(),
    state: foldLog(run, definition.agent.use_history),
    isHeld: true,
    deadline: performance.now() + run.active_ms_left,
    commit(records, to) {
      return inTurn(async () => {
        const result = await committer.commit(commitOf(records, to));
        settle(records, result);
      });
    },
    async beginRisk() {
      if (
        run.is_suspect &&
        !(await beginRisk(options.pool, options.worker(), run.execution_id, run.fence))
      ) {
        lose();
      }
    },
    async beginCommit() {
      const { promise: over, resolve: end } = Promise.withResolvers<void>();
      await new Promise<void>((begin, refuse) => {
        inTurn(() => {
          begin();
          return over;
        }).then(() => refuse(new StaleRun('this run is not held any more'))); // its turn never came
      });
      return ownCommit(end);
    },
  };

  const lose = (): void => {
    held.isHeld = false;
    held.abort.abort();
  };

  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const mine = turn.then(() => (held.isHeld ? work() : undefined));
    turn = mine.catch(() => {});
    return mine;
  };

  const commitOf = (steps: StepRecord[], to?: Transition) => ({
    id: run.execution_id,
    fence: run.fence,
    after,
    steps,
    to,
  });

  const settle = (records: StepRecord[], result: CommitResult): void => {
    if (result.outcome === 'stale') {
      lose();
      return;
    }
    after = result.step_count;
    held.state = foldRecords(held.state, records, result);
    held.deadline = performance.now() + (result.active_ms_left ?? Number.POSITIVE_INFINITY);
    held.isHeld = result.status === 'running';
    if (result.watched) {
      options.announce(run.execution_id);
    }
  };

  const ownCommit = (end: () => void): OwnCommit => {
    let written: { records: StepRecord[]; result: CommitResult } | undefined;
    return {
      async write(client, records) {
        const results = await commitSteps(client, options.worker(), [commitOf(records)]);
        const result = results.get(run.execution_id);
        if (!held.isHeld || result?.outcome !== 'committed') {
          lose();
          throw new StaleRun('another worker owns this run');
        }
        written = { records, result };
      },
      end(committed) {
        if (committed && written) {
          settle(written.records, written.result);
        }
        end();
      },
    };
  };

  return held;
}

/**
 * What is left of a run's active time, in whole milliseconds as timers want them: at least one, at most what a
 * timer can hold.
 */
export function timeLeft(run: HeldRun): number {
  return Math.ceil(Math.max(1, Math.min(run.deadline - performance.now(), 2 ** 31 - 1)));
}

function contextOf(run: ClaimedRun): RunContext {
  return {
    execution_id: run.execution_id,
    tenant_id: run.tenant_id,
    agent_id: run.agent_id,
    session_id: run.session_id,
    metadata: run.metadata,
  };
}
