import type { AgentDefinition } from '../contracts/definition.ts';
import type { Pool } from '../db/pool.ts';
import { type ClaimedRun, claimExecutions, loadVersion, releaseExecutions } from '../db/runs.ts';
import { advance } from './advance.ts';
import { createCommitter } from './committer.ts';
import { type HeldRun, holdRun } from './held-run.ts';
import type { World } from './world.ts';

export type RuntimeOptions = {
  pool: Pool;
  world: World;
  /** Runs in flight at once; a wake-up beyond it waits. */
  capacity: number;
  announce(executionId: string): void;
  onError(error: unknown, executionId: string): void;
};

export type Runtime = {
  /** Under which id runs are claimed; a new one after presence was lost. */
  setWorker(id: string): void;
  /** Claims the run if it is due and free, and goes on with it. Resolves when that is decided, not when the run ends. */
  wake(executionId: string): Promise<void>;
  /** The run was cancelled or taken over: what it has in the air is aborted. */
  abort(executionId: string): void;
  /** Drops everything without a word: this process has been declared dead. */
  dropAll(): void;
  /** Takes no more; lets what is in the air commit for up to `graceMs`, then hands all runs back. */
  drain(graceMs: number): Promise<void>;
  readonly inFlight: number;
};

/** Holds the runs of one worker process: thousands of them, each a promise that waits for a model or a tool. */
export function createRuntime(options: RuntimeOptions): Runtime {
  const { pool, world } = options;
  const held = new Map<string, { run: HeldRun; done: Promise<void> }>();
  const versions = new Map<string, Promise<AgentDefinition>>();
  const slots = createSlots(options.capacity);
  const over = new AbortController();
  let worker = '';
  let draining = false;
  const committer = createCommitter(pool, () => worker, over.signal);
  const claim = batchClaims((ids) => claimExecutions(pool, worker, ids));

  const definitionOf = (id: string): Promise<AgentDefinition> => {
    const known = versions.get(id) ?? loadVersion(pool, id);
    versions.set(id, known);
    known.catch(() => versions.delete(id));
    return known;
  };

  const hold = async (claimed: ClaimedRun): Promise<void> => {
    const { execution_id, agent_version_id } = claimed;
    const definition = await definitionOf(agent_version_id).catch(async (error) => {
      await handBack(execution_id, worker);
      throw error;
    });
    const { announce } = options;
    const run = holdRun({
      run: claimed,
      definition,
      committer,
      worker: () => worker,
      pool,
      announce,
    });
    if (claimed.watched) {
      announce(run.id);
    }
    const done = live(run, worker).finally(() => {
      held.delete(run.id);
      slots.release();
    });
    held.set(run.id, { run, done });
  };

  const live = async (run: HeldRun, owner: string): Promise<void> => {
    try {
      await advance(run, world, () => draining);
    } catch (error) {
      options.onError(error, run.id);
    }
    if (run.isHeld) {
      run.isHeld = false;
      await handBack(run.id, owner);
    }
  };

  /** Tries until the database has heard it, or until this worker is not the owner any more. */
  const handBack = async (executionId: string, owner: string): Promise<void> => {
    while (owner === worker && !over.signal.aborted) {
      try {
        await releaseExecutions(pool, owner, [executionId]);
        return;
      } catch {
        await world.sleep(500, over.signal);
      }
    }
  };

  return {
    setWorker(id) {
      worker = id;
    },
    async wake(executionId) {
      await slots.acquire();
      if (draining) {
        slots.release();
        throw new Error('this worker is draining');
      }
      try {
        const claimed = await claim(executionId);
        await (claimed ? hold(claimed) : slots.release());
      } catch (error) {
        slots.release();
        throw error;
      }
    },
    abort(executionId) {
      const entry = held.get(executionId);
      if (entry) {
        entry.run.isHeld = false;
        entry.run.abort.abort();
      }
    },
    dropAll() {
      for (const { run } of held.values()) {
        run.isHeld = false;
        run.abort.abort();
      }
    },
    async drain(graceMs) {
      draining = true;
      const all = Promise.allSettled([...held.values()].map((entry) => entry.done));
      await Promise.race([all, world.sleep(graceMs, over.signal)]);
      for (const { run } of held.values()) {
        run.abort.abort();
      }
      await Promise.race([all, world.sleep(1_000, over.signal)]);
      over.abort();
    },
    get inFlight() {
      return held.size;
    },
  };
}

/** Claims asked for in one turn of the event loop become one call. */
function batchClaims(
  claim: (ids: string[]) => Promise<ClaimedRun[]>,
): (id: string) => Promise<ClaimedRun | undefined> {
  let batch: { ids: string[]; result: Promise<Map<string, ClaimedRun>> } | undefined;
  return async (id) => {
    if (!batch) {
      const ids: string[] = [];
      const result = new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
        batch = undefined;
        const runs = await claim(ids);
        return new Map(runs.map((run) => [run.execution_id, run]));
      });
      batch = { ids, result };
    }
    batch.ids.push(id);
    return (await batch.result).get(id);
  };
}

function createSlots(capacity: number): { acquire(): Promise<void>; release(): void } {
  let free = capacity;
  const queue: (() => void)[] = [];
  return {
    async acquire() {
      if (free > 0) {
        free -= 1;
        return;
      }
      await new Promise<void>((resolve) => queue.push(resolve));
    },
    release() {
      const next = queue.shift();
      if (next) {
        next();
      } else {
        free += 1;
      }
    },
  };
}
