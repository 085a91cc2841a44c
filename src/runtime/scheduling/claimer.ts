import { randomUUID } from 'node:crypto';
import type { Pool } from '../../db/connection/pool.ts';
import { isRefusal } from '../../db/connection/sqlstate.ts';
import {
  type ClaimedRun,
  claimExecutions,
  releaseAll,
  releaseExecution,
  releaseUnheld,
  stillOwns,
} from '../../db/runs/runs.ts';
import { failpoint } from '../environment/failpoints.ts';
import type { StatementRetries } from '../environment/statement-retries.ts';
import {
  type ClaimedBatch,
  type ClaimReason,
  type ClaimRequest,
  createClaimBatcher,
} from './claim-batcher.ts';

export type ClaimerOptions = {
  pool: Pool;
  /** Connections for claims alone, which do not wait for commits. */
  claims: Pool;
  sleep(ms: number): Promise<unknown>;
  /** Runs this process holds. */
  held(): Iterable<string>;
  /** Room for so many more runs at most, kept until they come or `more` says that none do. */
  reserve(most: number): number;
  /** What came for the room that was kept. */
  more(left: ClaimedBatch): void;
  /** Nothing more is claimed. */
  isDraining(): boolean;
  /** Fires when there is nobody left to tell the database anything. */
  signal: AbortSignal;
  retries: StatementRetries;
};

/** So many wake-ups at once are a backlog: then runs are asked for whose wake-ups have not come yet, as long as there are. */
const BACKLOG = 4;
const MOST_AT_ONCE = 256;

/** Claims runs under the name this process has at the moment, and hands them back. */
export class Claimer {
  /** Gives the run, or another one whose turn it is, or nothing. */
  readonly claim: (id: string, reason?: ClaimReason) => Promise<ClaimedRun | undefined>;
  readonly #options: ClaimerOptions;
  /** Claimed and not held yet. */
  readonly #arriving = new Set<string>();
  /** Nobody's, until there is a name. */
  #worker: string = randomUUID();
  #present = Promise.withResolvers<void>();
  #served: string | null = null;
  #isBacklog = false;
  #underWay: Promise<unknown> | undefined;

  constructor(options: ClaimerOptions) {
    this.#options = options;
    this.claim = createClaimBatcher(
      (request) => this.#claimWithMore(request),
      (left) => this.#give(left),
      async () => {
        while (this.#underWay) {
          await this.#underWay;
        }
      },
    );
  }

  /** Whether this worker does not own the run any more. Rejects when the database cannot say. */
  async hasLost(executionId: string): Promise<boolean> {
    return !(await stillOwns(this.#options.pool, this.#worker, executionId));
  }

  /** Under which id runs are claimed now. */
  get worker(): string {
    return this.#worker;
  }

  /** The tenant whose run was claimed last: the turn is with those after it. */
  get served(): string | null {
    return this.#served;
  }

  /** A new id; null until there is one, and nothing is claimed then. What the id before owned is handed back. */
  setWorker(id: string | null): void {
    const before = this.#worker;
    this.#worker = id ?? randomUUID();
    if (id === null) {
      this.#present = Promise.withResolvers();
      void this.#untilHeard((pool) => releaseAll(pool, before));
    } else {
      this.#present.resolve();
    }
  }

  /** Who waits for an id waits no longer. */
  stop(): void {
    this.#present.resolve();
  }

  /** Claims runs that are due for this worker without their wake-ups, as many as there is room for. */
  async look(): Promise<'found' | 'nothing' | 'no_room'> {
    while (this.#underWay) {
      await this.#underWay;
    }
    const kept = this.#options.reserve(MOST_AT_ONCE);
    if (kept === 0) return 'no_room';
    return (await this.#fill(kept)) ? 'found' : 'nothing';
  }

  /** It is held now, or will not be. */
  arrived(id: string): void {
    this.#arriving.delete(id);
  }

  /** Releases a claim, unless it was lost. The same worker may have claimed the run again by then. */
  handBack(claimed: ClaimedRun, owner: string, isCrash = false): Promise<void> {
    return this.#untilHeard((pool) => releaseExecution(pool, owner, claimed, isCrash));
  }

  async #claimWithMore(request: ClaimRequest): Promise<ClaimedBatch> {
    const isBacklog = this.#isBacklog || request.ids.length >= BACKLOG;
    const kept = isBacklog ? this.#options.reserve(MOST_AT_ONCE) : 0;
    try {
      return { runs: await this.#claimAlone(request, kept), kept };
    } catch (error) {
      this.#options.more({ runs: [], kept });
      throw error;
    }
  }

  /** One call at a time: what is asked for meanwhile is asked for together. */
  #claimAlone(request: ClaimRequest, room: number): Promise<ClaimedRun[]> {
    const claiming = this.#claimDue(request, room);
    const over = claiming.then(
      () => {},
      () => {},
    );
    this.#underWay = over;
    void over.then(() => {
      if (this.#underWay === over) {
        this.#underWay = undefined; // else the next one has begun
      }
    });
    return claiming;
  }

  /** When all the room was used there may be more to have: it is asked for at once, until there is no more of either. */
  #give(left: ClaimedBatch): void {
    this.#options.more(left);
    if (left.kept > 0) {
      this.#isBacklog = left.runs.length === left.kept;
      const kept = this.#isBacklog ? this.#options.reserve(MOST_AT_ONCE) : 0;
      if (kept > 0) {
        void this.#fill(kept);
      }
    }
  }

  async #fill(kept: number): Promise<boolean> {
    const runs = await this.#claimAlone({ ids: [], offered: [] }, kept).catch(() => undefined);
    if (runs) {
      this.#give({ runs, kept });
    } else {
      this.#options.more({ runs: [], kept }); // wake-ups come all the same
    }
    return runs !== undefined && runs.length > 0;
  }

  /** Tries until there is an answer: without one it is not known what was claimed, so all of it is handed back. */
  async #claimDue(request: ClaimRequest, room: number): Promise<ClaimedRun[]> {
    const { claims, held, sleep, isDraining, retries } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      await this.#present.promise;
      const owner = this.#worker;
      if (isDraining()) {
        return [];
      }
      try {
        const runs = await claimExecutions(claims, owner, request, this.#served, room);
        retries.succeeded('claim');
        await (runs.length > 0 ? failpoint('claim.after') : undefined);
        if (owner === this.#worker) {
          this.#served = runs.at(-1)?.tenant_id ?? this.#served;
          runs.forEach((run) => void this.#arriving.add(run.execution_id));
          return runs;
        }
      } catch (error) {
        if (isRefusal(error)) {
          throw error;
        }
        await sleep(retries.failed({ what: 'claim', error, attempt }));
      }
      await this.#untilHeard((database) =>
        releaseUnheld(database, owner, [...held(), ...this.#arriving]),
      );
    }
  }

  /** Repeats a statement until it succeeds, since a run that stays claimed would never continue. */
  async #untilHeard(tell: (pool: Pool) => Promise<unknown>): Promise<void> {
    const { pool, sleep, signal, retries } = this.#options;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await tell(pool);
        retries.succeeded('release');
        return;
      } catch (error) {
        await sleep(retries.failed({ what: 'release', error, attempt }));
      }
    }
  }
}
