import { randomUUID } from 'node:crypto';
import type { AgentDefinition } from '../contracts/definition.ts';
import type { Pool } from '../db/pool.ts';
import { type ClaimedRun, claimExecutions, loadVersion, releaseExecutions } from '../db/runs.ts';
import { isRefusal } from '../db/sqlstate.ts';
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
  /**
   * Under which id runs are claimed; a new one after presence was lost, and null until there is one: nothing is
   * claimed then. What the id before held is dropped and handed back.
   */
  setWorker(id: string | null): void;
  /**
   * Claims the run if it is due and free, and goes on with it. Resolves when that is decided, not when the run ends.
   * At capacity the smaller priority is let in first. False when this worker drains and somebody else must be woken.
   */
  wake(executionId: string, priority: number): Promise<boolean>;
  /** The run was cancelled or taken over: what it has in the air is aborted. */
  abort(executionId: string): void;
  /** Takes no more; lets what is in the air commit for up to `graceMs`, then hands all runs back. */
  drain(graceMs: number): Promise<void>;
  readonly inFlight: number;
};

/** After a fault of the database: what caused it may still be there. */
const PAUSE_MS = 250;

/** Holds the runs of one worker process: thousands of them, each a promise that waits for a model or a tool. */
export function createRuntime(options: RuntimeOptions): Runtime {
  const { pool, world } = options;
  const held = new Map<string, { run: HeldRun; done: Promise<void> }>();
  const versions = new Map<string, Promise<AgentDefinition>>();
  const slots = createSlots(options.capacity);
  const over = new AbortController();
  let worker: string = randomUUID(); // nobody's, until there is a name
  let present = Promise.withResolvers<void>();
  let draining = false;
  const committer = createCommitter(pool, () => worker, over.signal);
  /** Tries until there is an answer: without one it is not known what was claimed, so all of it is handed back. */
  const claimDue = async (ids: string[]): Promise<ClaimedRun[]> => {
    await present.promise;
    const owner = worker;
    if (draining) {
      return [];
    }
    try {
      const runs = await claimExecutions(pool, owner, ids);
      if (owner === worker) {
        return runs;
      }
    } catch (error) {
      if (isRefusal(error)) {
        throw error;
      }
      await world.sleep(PAUSE_MS, over.signal);
    }
    const unknown = ids.filter((id) => !held.has(id));
    await handBack(unknown, owner);
    return claimDue(ids);
  };
  const claim = batchClaims(claimDue);

  const definitionOf = (id: string): Promise<AgentDefinition> => {
    const known = versions.get(id) ?? loadVersion(pool, id);
    versions.set(id, known);
    known.catch(() => versions.delete(id));
    return known;
  };

  const hold = async (claimed: ClaimedRun): Promise<void> => {
    const owner = worker;
    const { execution_id, agent_version_id } = claimed;
    const definition = await definitionOf(agent_version_id).catch(async (error) => {
      await handBack([execution_id], owner);
      throw error;
    });
    if (owner !== worker) {
      slots.release(); // handed back with all the others
      return;
    }
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
    const done = live(run, owner).finally(() => {
      if (held.get(run.id)?.run === run) {
        held.delete(run.id); // and not the same run, claimed again meanwhile
      }
      slots.release();
    });
    held.set(run.id, { run, done });
  };

  const live = async (run: HeldRun, owner: string): Promise<void> => {
    try {
      await advance(run, world, () => draining);
    } catch (error) {
      options.onError(error, run.id);
      await world.sleep(PAUSE_MS, run.abort.signal);
    }
    run.abort.abort(); // other calls may still be in the air
    if (run.isHeld) {
      run.isHeld = false;
      await handBack([run.id], owner);
    }
  };

  /** Tries until the database has heard it. Runs that somebody else owns by now are left alone; null means all. */
  const handBack = async (ids: string[] | null, owner: string): Promise<void> => {
    while (!over.signal.aborted) {
      try {
        await releaseExecutions(pool, owner, ids);
        return;
      } catch {
        await world.sleep(500, over.signal);
      }
    }
  };

  return {
    setWorker(id) {
      const before = worker;
      worker = id ?? randomUUID();
      for (const { run } of held.values()) {
        run.isHeld = false;
        run.abort.abort();
      }
      if (id === null) {
        present = Promise.withResolvers();
        void handBack(null, before);
      } else {
        present.resolve();
      }
    },
    async wake(executionId, priority) {
      await slots.acquire(priority);
      try {
        const claimed = await claim(executionId);
        await (claimed ? hold(claimed) : slots.release());
        return !draining;
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
    async drain(graceMs) {
      draining = true;
      present.resolve();
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

/** So many at once; those who wait are let in by priority, then in the order they came. */
function createSlots(capacity: number): {
  acquire(priority: number): Promise<void>;
  release(): void;
} {
  let free = capacity;
  const queue: { priority: number; enter: () => void }[] = [];
  return {
    async acquire(priority) {
      if (free > 0) {
        free -= 1;
        return;
      }
      await new Promise<void>((enter) => {
        const before = queue.findIndex((other) => other.priority > priority);
        queue.splice(before < 0 ? queue.length : before, 0, { priority, enter });
      });
    },
    release() {
      const next = queue.shift();
      if (next) {
        next.enter();
      } else {
        free += 1;
      }
    },
  };
}
