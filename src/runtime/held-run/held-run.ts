import { type Release, Semaphore } from '../../concurrency/semaphore.ts';
import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import type { RunContext } from '../../contracts/runs/run-context.ts';
import type { RunObserver } from '../../contracts/runs/run-observer.ts';
import type { StepRecord, TokenSink, Transition } from '../../contracts/runs/step.ts';
import type { PoolClient } from '../../db/connection/pool.ts';
import { isConnectionLoss } from '../../db/connection/sqlstate.ts';
import type { FilterTarget } from '../../db/runs/apply-output-filters.ts';
import type { Commit } from '../../db/runs/commit-query.ts';
import type { FirstDiscovery } from '../../db/runs/runs.ts';
import type { Json } from '../../json/json.ts';
import { afterCommit, beforeCommit } from '../environment/failpoints.ts';
import type { RunHooks } from '../hooks/hooks-of-run.ts';
import { RunLimits } from './call-admission.ts';
import { offloadForRun } from './check-in-thread.ts';
import type { Committed, RunCommit } from './committer.ts';
import { type FilterResult, toFilterResult } from './filter-result.ts';
import { foldInbox, foldLog, foldRecords } from './fold.ts';
import type { HeldRunOptions } from './held-run-options.ts';
import { applyOverrides } from './overrides.ts';
import { contextOf } from './run-context.ts';
import { createToolNoteSink, LastProgress } from './tool-note-sink.ts';
import { StaleRunError, type TransactionalCommit } from './transactional-commit.ts';

/** A run that this process owns: its folded log, and the only way to add to it. */
export class HeldRun {
  readonly id: string;
  readonly definition: AgentDefinition;
  readonly context: RunContext;
  readonly hooks: RunHooks | undefined;
  readonly observer: RunObserver | undefined;
  readonly tell: ReturnType<typeof createToolNoteSink>;
  readonly progress: LastProgress;
  /** Fires when this process does not own the run any more: cancelled, taken over, released. */
  readonly abort: AbortController;
  state: RunState;
  /** False once the run has ended, is parked or belongs to another worker. */
  isHeld = true;
  /** True if something arrived from outside. It is taken before the run continues. */
  hasInbox = false;
  /** True if a pause was requested. */
  isPauseRequested = false;
  readonly limits: RunLimits;
  readonly #options: HeldRunOptions;
  #after: number; // steps in the log
  /** True if the run had a subscriber when it was claimed or last committed. */
  #hasSubscribers: boolean;
  #rulesStamp: number | null = null; // of the last commit
  /** The time at which its active time is used up, by `performance.now()`. */
  #deadline: number;
  /** True if it is unknown whether a commit was written. */
  #isUnsure = false;
  /** Gives commits of the run their turn: one at a time, in order. */
  readonly #turn = new Semaphore(1);

  constructor(options: HeldRunOptions) {
    const { claimed, definition } = options;
    this.#options = options;
    this.abort = options.abort;
    this.id = claimed.execution_id;
    this.definition = applyOverrides(claimed, definition);
    this.context = contextOf(claimed);
    this.limits = new RunLimits(options);
    this.hooks = options.hooks;
    this.observer = options.observer;
    this.tell = createToolNoteSink(options);
    this.progress = new LastProgress(options);
    this.state = foldLog(claimed, definition.agent.use_history);
    this.#after = claimed.step_count;
    this.#hasSubscribers = claimed.has_subscribers;
    this.#deadline = performance.now() + claimed.active_ms_left;
  }

  /**
   * The rest of its active time, in whole milliseconds: at least one, at most the maximum of a
   * timer.
   */
  get timeLeft(): number {
    return Math.ceil(Math.max(1, Math.min(this.#deadline - performance.now(), 2 ** 31 - 1)));
  }

  /** True if its log has grown since it was claimed. */
  get hasProgress(): boolean {
    return this.#after > this.#options.claimed.step_count;
  }

  /** Returns the next action of its strategy, in its own state or in another one. */
  next(state: RunState = this.state): Action | Promise<Action> {
    return offloadForRun(this, () => this.#options.decide(this.definition, state));
  }

  /**
   * Adds steps, and with `to` ends or parks the run. What is committed is durable when the promise
   * resolves.
   */
  async commit(records: StepRecord[], to?: Transition): Promise<RunCommit> {
    const outcome = await this.#inTurn(async () => {
      await beforeCommit(to);
      const result = await this.#options.committer.commit(
        this.#commitOf(records, to),
        this.context.tenant_id,
      );
      await afterCommit(records, to);
      this.#settle({ steps: records, to, ...result });
      return result.outcome === 'stale' ? 'lost' : result.outcome;
    });
    return outcome ?? 'lost';
  }

  /** Adds what came from outside to the log, so that the next step knows it. */
  takeInbox(): Promise<void> {
    return this.#inTurn(async () => {
      const taken = await this.#options.lease.takeInbox(this.#commitOf([]));
      if (!taken) {
        this.relinquish();
        return;
      }
      this.hasInbox = false;
      this.#after = taken.step_count;
      this.state = foldInbox(this.state, taken);
      this.#announceToSubscribers();
    });
  }

  /**
   * Reads the present rules for calls: approvals, prohibitions and withdrawals since the run
   * started to work.
   */
  async refreshRules(): Promise<void> {
    const rules = await this.#options.lease.rulesOf(this.#rulesStamp);
    this.state = rules === this.state.rules ? this.state : { ...this.state, rules };
  }

  /** Returns the agents that could be given its task at present. */
  capableAgents(): Promise<Json> {
    return this.#options.lease.capableAgents(this.id);
  }

  /**
   * Applies the output filters of its tenant to a value that the run is about to say, send or
   * write.
   */
  async applyOutputFilters<T extends Json>(
    outlet: FilterTarget,
    value: T,
    call_id?: string,
  ): Promise<FilterResult<T>> {
    const { claimed, lease } = this.#options;
    return claimed.is_filtered
      ? toFilterResult(await lease.applyOutputFilters(this.id, outlet, value, call_id), call_id)
      : { isBlocked: false, value, guardSteps: [] };
  }

  /**
   * Opens the sink of a streamed answer. Returns undefined if the answer may not be shown before it
   * is complete.
   */
  tokenSink(attempt: number): TokenSink | undefined {
    // a streamed text cannot be taken back
    if (this.#options.claimed.is_filtered) return undefined;
    const answer = { execution_id: this.id, seq: this.#after + 1, attempt };
    return this.#options.stream(answer, this.#hasSubscribers);
  }

  /**
   * Returns what the run waits for, asks for, or starts without, before its first step besides
   * questions for accounts. Most agents have no MCP servers.
   */
  async firstDiscovery(): Promise<FirstDiscovery | undefined> {
    const { claimed, lease } = this.#options;
    return (claimed.step_count === 0 || claimed.is_new) && this.definition.servers
      ? lease.firstDiscovery(this.id, claimed.fence)
      : undefined;
  }

  /**
   * Runs `work`, which may commit steps of the run within a transaction of its own. The steps count
   * as committed when `work` resolves, so it must resolve after its transaction has committed.
   */
  async commitWithin<T>(work: (commit: TransactionalCommit) => Promise<T>): Promise<T> {
    let release: Release | undefined;
    let written: Committed | undefined;
    const begin = async (): Promise<void> => {
      release ??= await this.#beginTurn();
    };
    const write: TransactionalCommit['write'] = async (client, records, to) => {
      await begin();
      written = await this.#writeOn(client, records, to);
    };
    try {
      const result = await work({ begin, write });
      if (written) this.#settle(written);
      return result;
    } catch (error) {
      if (written) this.#doubt(error);
      throw error;
    } finally {
      release?.();
    }
  }

  /** Gives the run up: its calls in flight are aborted, and nothing more is committed. */
  relinquish(): void {
    this.isHeld = false;
    this.abort.abort();
  }

  get #mayCommit(): boolean {
    return this.isHeld && !this.#isUnsure;
  }

  /** Waits for a turn and does `work`. Returns undefined if the run is no longer held by then. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T | undefined> {
    const release = await this.#turn.acquire();
    try {
      return this.#mayCommit ? await work() : undefined;
    } catch (error) {
      this.#doubt(error);
      throw error;
    } finally {
      release();
    }
  }

  /** Waits for a turn. Throws `StaleRunError` if the run is no longer held by then. */
  async #beginTurn(): Promise<Release> {
    const release = await this.#turn.acquire();
    if (this.#mayCommit) return release;
    release();
    throw new StaleRunError('this worker no longer holds the run');
  }

  /**
   * Stops all commits after a lost connection, because the end of the log is then unknown here.
   * Another commit could be taken for the commit whose answer was lost. The run is released, and
   * the worker that claims it reads its log.
   */
  #doubt(error: unknown): void {
    if (isConnectionLoss(error)) {
      this.#isUnsure = true;
      this.abort.abort();
    }
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

  #settle(result: Committed): void {
    const { steps = [], to } = result;
    if (result.outcome === 'stale') {
      this.relinquish();
      return;
    }
    this.hasInbox = result.has_inbox;
    this.isPauseRequested = result.is_pause_requested;
    this.limits.applyCommit(result);
    this.#rulesStamp = result.rules_stamp;
    if (result.outcome === 'inbox') {
      return;
    }
    this.#after = result.step_count;
    this.state = foldRecords(this.state, steps, result);
    this.#deadline = performance.now() + (result.active_ms_left ?? Number.POSITIVE_INFINITY);
    this.isHeld = this.isHeld && result.status === 'running';
    this.#hasSubscribers = result.has_subscribers;
    this.hooks?.notify({ steps, to });
    this.observer?.onCommit({ steps, to, status: result.status });
    this.#announceToSubscribers();
  }

  #announceToSubscribers(): void {
    if (this.#hasSubscribers) this.#options.announce(this.id);
  }

  async #writeOn(client: PoolClient, steps: StepRecord[], to?: Transition): Promise<Committed> {
    const { committer } = this.#options;
    const result = await committer.commitOn(client, this.#commitOf(steps, to));
    if (!this.isHeld || result.outcome !== 'committed') {
      this.relinquish();
      throw new StaleRunError('another worker owns this run');
    }
    return { steps, to, ...result };
  }
}
