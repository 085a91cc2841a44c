import type { Action, RunState } from '../contracts/action.ts';
import type { AgentDefinition } from '../contracts/definition.ts';
import type { RunContext, StepRecord, TokenPiece, Transition } from '../contracts/step.ts';
import type { Pool, PoolClient } from '../db/pool.ts';
import {
  approvedTools,
  beginRisk,
  type ClaimedRun,
  type Commit,
  type CommitResult,
  commitSteps,
  takeInbox,
} from '../db/runs.ts';
import type { Committer } from './committer.ts';
import { foldInbox, foldLog, foldRecords } from './fold.ts';
import { undoing } from './strategies/compensation.ts';
import { strategyOf } from './strategies/registry.ts';

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
  claimed: ClaimedRun;
  definition: AgentDefinition;
  committer: Committer;
  /** The worker's id at the moment of the claim. */
  owner: string;
  pool: Pool;
  /** Called after every commit of a run that somebody watches. */
  announce(id: string): void;
  /** Called with the pieces of a streaming answer of such a run. */
  stream(piece: TokenPiece): void;
};

/** A run this process owns: its folded log, and the only way to add to it. */
export class HeldRun {
  readonly id: string;
  readonly definition: AgentDefinition;
  readonly context: RunContext;
  /** Fires when the run is no longer ours: cancelled, taken over, handed on. */
  readonly abort = new AbortController();
  state: RunState;
  /** False once the run has ended, is parked or belongs to somebody else. */
  isHeld = true;
  /** Something came from outside: take it before going on. */
  hasInbox = false;
  /** Somebody asked it to pause. */
  isPauseRequested = false;

  readonly #options: HoldOptions;
  /** Steps in the log. */
  #after: number;
  /** Somebody listened when it was claimed or last committed. */
  #isWatched: boolean;
  /** When its active time is used up, by `performance.now()`. */
  #deadline: number;
  /** Resolves when the commit before has been settled: commits of one run are in order. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: HoldOptions) {
    const { claimed, definition } = options;
    this.#options = options;
    this.id = claimed.execution_id;
    this.definition = claimed.is_compensation ? undoing(definition) : definition;
    this.context = contextOf(claimed);
    this.state = foldLog(claimed, definition.agent.use_history);
    this.#after = claimed.step_count;
    this.#isWatched = claimed.watched;
    this.#deadline = performance.now() + claimed.active_ms_left;
  }

  /**
   * What is left of its active time, in whole milliseconds as timers want them: at least one, at most what a timer
   * can hold.
   */
  get timeLeft(): number {
    return Math.ceil(Math.max(1, Math.min(this.#deadline - performance.now(), 2 ** 31 - 1)));
  }

  /** What its strategy does next, or would do in another state. */
  next(state: RunState = this.state): Action {
    return strategyOf(this.#options.claimed)(this.definition, state);
  }

  /**
   * Adds steps and perhaps ends or parks the run; durable when it resolves. False when it was not completed because
   * something came for it from outside: then nothing was written.
   */
  async commit(records: StepRecord[], to?: Transition): Promise<boolean> {
    let isWritten = true;
    await this.#inTurn(async () => {
      const result = await this.#options.committer.commit(this.#commitOf(records, to));
      isWritten = result.outcome !== 'inbox';
      this.#settle(records, result);
    });
    return isWritten;
  }

  /** Adds to the log what came from outside, so that the next step knows it. */
  takeInbox(): Promise<void> {
    const { pool, owner } = this.#options;
    return this.#inTurn(async () => {
      const taken = await takeInbox(pool, owner, this.#commitOf([]));
      if (!taken) {
        this.lose();
        return;
      }
      this.hasInbox = false;
      this.#after = taken.step_count;
      this.state = foldInbox(this.state, taken);
      this.#announceIfWatched();
    });
  }

  /** Learns which approvals stick now: given while the run was at work, or taken back. */
  async refreshApprovals(): Promise<void> {
    const approved_tools = await approvedTools(this.#options.pool, this.id);
    this.state = { ...this.state, approved_tools };
  }

  /** Where the pieces of an answer go while it streams; undefined when nobody listens. */
  tokenSink(attempt: number): ((text: string) => void) | undefined {
    if (!this.#isWatched) {
      return undefined;
    }
    const seq = this.#after + 1;
    return (text) => this.#options.stream({ execution_id: this.id, seq, attempt, text });
  }

  /** Call before running code in this process that might kill it; durable for a suspect, free for all others. */
  async beginRisk(): Promise<void> {
    const { claimed, pool, owner } = this.#options;
    if (claimed.is_suspect && !(await beginRisk(pool, owner, this.id, claimed.fence))) {
      this.lose();
    }
  }

  /**
   * Waits for its turn to commit on a transaction of the caller, who says when that is over. Throws `StaleRun` when
   * the run has been let go before.
   */
  async beginCommit(): Promise<OwnCommit> {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    await new Promise<void>((begin, refuse) => {
      this.#inTurn(() => {
        begin();
        return over;
      }).then(() => refuse(new StaleRun('this run is not held any more'))); // its turn never came
    });
    return this.#ownCommit(end);
  }

  /** It is not ours any more: what is in the air is aborted, nothing more is committed. */
  lose(): void {
    this.isHeld = false;
    this.abort.abort();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(() => (this.isHeld ? work() : undefined));
    this.#turn = mine.catch(() => {});
    return mine;
  }

  #commitOf(steps: StepRecord[], to?: Transition): Commit {
    const { claimed } = this.#options;
    const commit = { id: this.id, fence: claimed.fence, after: this.#after, steps, to };
    const isMore =
      claimed.is_child ||
      to?.status === 'waiting' ||
      to?.status === 'paused' ||
      steps.some((step) => step.question || step.child);
    return isMore ? { ...commit, more: true } : commit;
  }

  #settle(records: StepRecord[], result: CommitResult): void {
    if (result.outcome === 'stale') {
      this.lose();
      return;
    }
    this.hasInbox = result.has_inbox;
    this.isPauseRequested = result.is_pause_requested;
    if (result.outcome === 'inbox') {
      return;
    }
    this.#after = result.step_count;
    this.state = foldRecords(this.state, records, result);
    this.#deadline = performance.now() + (result.active_ms_left ?? Number.POSITIVE_INFINITY);
    this.isHeld = this.isHeld && result.status === 'running';
    this.#isWatched = result.watched;
    this.#announceIfWatched();
  }

  #announceIfWatched(): void {
    if (this.#isWatched) {
      this.#options.announce(this.id);
    }
  }

  #ownCommit(end: () => void): OwnCommit {
    let written: { records: StepRecord[]; result: CommitResult } | undefined;
    return {
      write: async (client, records) => {
        const results = await commitSteps(client, this.#options.owner, [this.#commitOf(records)]);
        const result = results.get(this.id);
        if (!this.isHeld || result?.outcome !== 'committed') {
          this.lose();
          throw new StaleRun('another worker owns this run');
        }
        written = { records, result };
      },
      end: (committed) => {
        if (committed && written) {
          this.#settle(written.records, written.result);
        }
        end();
      },
    };
  }
}

function contextOf(claimed: ClaimedRun): RunContext {
  const { execution_id, tenant_id, agent_id, session_id, root_execution_id, metadata } = claimed;
  return { execution_id, tenant_id, agent_id, session_id, root_execution_id, metadata };
}
