import { randomUUID } from 'node:crypto';
import type { AgentDefinition } from '../contracts/definition.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { TokenPiece } from '../contracts/step.ts';
import { noteHooks } from '../db/hooks.ts';
import type { Pool } from '../db/pool.ts';
import {
  approvedTools,
  beginRisk,
  type ClaimedRun,
  claimExecutions,
  loadVersion,
  releaseExecutions,
  takeInbox,
} from '../db/runs.ts';
import { isConnectionLoss, isRefusal } from '../db/sqlstate.ts';
import { advance } from './advance.ts';
import { batchClaims } from './claims.ts';
import { type Committer, createCommitter } from './committer.ts';
import { failpoint } from './failpoints.ts';
import { HeldRun, type Ownership } from './held-run.ts';
import { createHookedCommitter } from './hooks/hooked-committer.ts';
import { ownHooks } from './hooks/own-hooks.ts';
import { RunHooks } from './hooks/run-hooks.ts';
import type { CallableHook } from './hooks/verdict.ts';
import { Slots } from './slots.ts';
import type { World } from './world.ts';

export type RuntimeOptions = {
  pool: Pool;
  world: World;
  /** Runs in flight at once; a wake-up beyond it waits. */
  capacity: number;
  announce(executionId: string): void;
  stream(piece: TokenPiece): void;
  onError(error: unknown, executionId: string): void;
};

/** After a fault of the database: what caused it may still be there. */
const PAUSE_MS = 250;
const RETRY_MS = 500;

/** Holds the runs of one worker process: thousands of them, each a promise that waits for a model or a tool. */
export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #held = new Map<string, { run: HeldRun; done: Promise<void> }>();
  readonly #versions = new Map<string, Promise<AgentDefinition>>();
  readonly #slots: Slots;
  readonly #over = new AbortController();
  readonly #committer: Committer;
  readonly #ownHooks: readonly CallableHook[];
  readonly #claim: (id: string) => Promise<ClaimedRun | undefined>;
  /** Nobody's, until there is a name. */
  #worker: string = randomUUID();
  #present = Promise.withResolvers<void>();
  #draining = false;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#slots = new Slots(options.capacity);
    this.#committer = createCommitter(options.pool, () => this.#worker, this.#over.signal);
    this.#ownHooks = ownHooks(options.world.hooks);
    this.#claim = batchClaims((ids) => this.#claimDue(ids));
  }

  get inFlight(): number {
    return this.#held.size;
  }

  /**
   * Under which id runs are claimed; a new one after presence was lost, and null until there is one: nothing is
   * claimed then. What the id before held is dropped and handed back.
   */
  setWorker(id: string | null): void {
    const before = this.#worker;
    this.#worker = id ?? randomUUID();
    for (const { run } of this.#held.values()) {
      run.lose();
    }
    if (id === null) {
      this.#present = Promise.withResolvers();
      void this.#handBack(null, before);
    } else {
      this.#present.resolve();
    }
  }

  /**
   * Claims the run if it is due and free, and goes on with it. Resolves when that is decided, not when the run ends.
   * At capacity the smaller priority is let in first. False when this worker drains and somebody else must be woken.
   */
  async wake(executionId: string, priority: number): Promise<boolean> {
    await this.#slots.acquire(priority);
    try {
      const claimed = await this.#claim(executionId);
      await (claimed ? this.#hold(claimed) : this.#slots.release());
      return !this.#draining;
    } catch (error) {
      this.#slots.release();
      throw error;
    }
  }

  /** The run was cancelled or taken over: what it has in the air is aborted. */
  abort(executionId: string): void {
    this.#held.get(executionId)?.run.lose();
  }

  /** Takes no more; lets what is in the air commit for up to `graceMs`, then hands all runs back. */
  async drain(graceMs: number): Promise<void> {
    const { world } = this.#options;
    this.#draining = true;
    this.#present.resolve();
    const all = Promise.allSettled([...this.#held.values()].map((entry) => entry.done));
    await Promise.race([all, world.sleep(graceMs, this.#over.signal)]);
    for (const { run } of this.#held.values()) {
      run.abort.abort();
    }
    await Promise.race([all, world.sleep(1_000, this.#over.signal)]);
    this.#over.abort();
  }

  /** Tries until there is an answer: without one it is not known what was claimed, so all of it is handed back. */
  async #claimDue(ids: string[]): Promise<ClaimedRun[]> {
    const { pool, world } = this.#options;
    await this.#present.promise;
    const owner = this.#worker;
    if (this.#draining) {
      return [];
    }
    try {
      const runs = await claimExecutions(pool, owner, ids);
      await (runs.length > 0 ? failpoint('claim.after') : undefined);
      if (owner === this.#worker) {
        return runs;
      }
    } catch (error) {
      if (isRefusal(error)) {
        throw error;
      }
      await world.sleep(PAUSE_MS, this.#over.signal);
    }
    const unknown = ids.filter((id) => !this.#held.has(id));
    await this.#handBack(unknown, owner);
    return this.#claimDue(ids);
  }

  async #hold(claimed: ClaimedRun): Promise<void> {
    const { pool, announce, stream } = this.#options;
    const owner = this.#worker;
    const definition = await this.#definitionOf(claimed.agent_version_id).catch(async (error) => {
      await this.#handBack([claimed.execution_id], owner);
      throw error;
    });
    await failpoint('context.loaded');
    if (claimed.attempts.some(({ kind }) => kind === 'answer')) {
      await failpoint('answer.applied');
    }
    if (owner !== this.#worker) {
      this.#slots.release(); // handed back with all the others
      return;
    }
    const hooks = this.#hooksOf(claimed, definition);
    const committer = this.#committerOf(hooks);
    const ownership: Ownership = {
      takeInbox: (commit) => takeInbox(pool, owner, commit),
      beginRisk: (id, fence) => beginRisk(pool, owner, id, fence),
      approvedTools: (id) => approvedTools(pool, id),
    };
    const run = new HeldRun({ claimed, definition, committer, hooks, ownership, announce, stream });
    if (claimed.watched) {
      announce(run.id);
    }
    const done = this.#live(run, owner).finally(() => {
      if (this.#held.get(run.id)?.run === run) {
        this.#held.delete(run.id); // and not the same run, claimed again meanwhile
      }
      this.#slots.release();
    });
    this.#held.set(run.id, { run, done });
  }

  /** Most runs have none. */
  #hooksOf(claimed: ClaimedRun, definition: AgentDefinition): RunHooks | undefined {
    const own = this.#ownHooks;
    const note = (metrics: JsonObject) =>
      noteHooks(this.#options.pool, claimed.execution_id, metrics);
    return claimed.hooks || own.length > 0
      ? new RunHooks({ claimed, definition, own, note })
      : undefined;
  }

  #committerOf(hooks: RunHooks | undefined): Committer {
    const inner = this.#committer;
    const pool = this.#options.world.sqlToolPool;
    const signal = this.#over.signal;
    return hooks
      ? createHookedCommitter({ inner, hooks, pool, worker: () => this.#worker, signal })
      : inner;
  }

  /** A fault that is not the database's counts as a crash: a run that causes one each time must end some day. */
  async #live(run: HeldRun, owner: string): Promise<void> {
    const { world, onError } = this.#options;
    let isFault = false;
    try {
      await advance(run, world, () => this.#draining);
    } catch (error) {
      isFault = !isConnectionLoss(error);
      onError(error, run.id);
      await world.sleep(PAUSE_MS, run.abort.signal);
    }
    run.abort.abort(); // other calls may still be in the air
    if (run.isHeld) {
      run.isHeld = false;
      await this.#handBack([run.id], owner, isFault);
    }
  }

  /** A version never changes, so it is loaded once and kept. */
  #definitionOf(id: string): Promise<AgentDefinition> {
    const known = this.#versions.get(id) ?? loadVersion(this.#options.pool, id);
    this.#versions.set(id, known);
    known.catch(() => this.#versions.delete(id));
    return known;
  }

  /** Tries until the database has heard it. Runs that somebody else owns by now are left alone; null means all. */
  async #handBack(ids: string[] | null, owner: string, isCrash = false): Promise<void> {
    const { pool, world } = this.#options;
    while (!this.#over.signal.aborted) {
      try {
        await releaseExecutions(pool, owner, ids, isCrash);
        return;
      } catch {
        await world.sleep(RETRY_MS, this.#over.signal);
      }
    }
  }
}
